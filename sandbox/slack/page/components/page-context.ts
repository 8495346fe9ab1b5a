import { createContext } from 'react';
import type { Theme } from '../model/theme.ts';
import type { Answer, Deed, Workspace } from '../model/wire.ts';

/** What every part of the page may need: the workspace, who is looking, and how to do something. */
export interface Page {
  workspace: Workspace;
  as: string;
  perform: (deed: Deed) => Promise<Answer>;
  openThread: (channel: string, ts: string) => void;
}

/** Who is who, for the mentions in texts; it stays the same object while messages come and go. */
export interface Directory {
  theme: Theme;
  names: {
    users: { id: string; name: string }[];
    channels: { id: string; name: string }[];
    user_groups: { id: string; name: string }[];
  };
}

/** What every text on the page needs; apart from the rest, so that a new message does not redraw the old ones. */
export const DirectoryContext = createContext<Directory>({
  theme: 'light',
  names: { users: [], channels: [], user_groups: [] },
});

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
  perform: () => Promise.reject(new Error('used outside the page')),
  openThread: () => undefined,
});
