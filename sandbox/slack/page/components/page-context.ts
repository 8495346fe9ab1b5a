import { createContext } from 'react';
import type { Theme } from '../model/theme.ts';
import type { Answer, Deed, Workspace } from '../model/wire.ts';

/** What every part of the page may need: the workspace, who is looking, and how to do something. */
export interface Page {
  workspace: Workspace;
  as: string;
  theme: Theme;
  perform: (deed: Deed) => Promise<Answer>;
  openThread: (channel: string, ts: string) => void;
}

/** The page around a component. */
export const PageContext = createContext<Page>({
  workspace: {
    team: { id: '', name: '' },
    me: '',
    users: [],
    channels: [],
    messages: [],
    ephemerals: [],
    home: null,
    modals: [],
    commands: [],
    shortcuts: [],
  },
  as: '',
  theme: 'light',
  perform: () => Promise.reject(new Error('used outside the page')),
  openThread: () => undefined,
});
