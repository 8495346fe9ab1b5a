/** Where blocks are shown; every block and some elements are refused on some of them. */
export type Surface = 'message' | 'modal' | 'home';

/** The most blocks one payload may have on a surface. */
export const MAX_BLOCKS: Record<Surface, number> = { message: 50, modal: 100, home: 100 };
