export { validateBlocks } from './blocks.ts';
export { type MessagePayload, type Verdict, validateMessage } from './message.ts';
export { type Problem, problemLines } from './problem.ts';
export { MAX_BLOCKS, type Surface } from './surface.ts';
export { parseView, type ViewPayload, validateView } from './view.ts';
