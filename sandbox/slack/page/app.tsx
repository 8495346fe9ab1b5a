import { useCallback, useMemo, useState } from 'react';
import { Announcer } from './components/announcer.tsx';
import { ChannelView } from './components/channel-view.tsx';
import { DebtFlowPanel } from './components/debtflow-panel.tsx';
import { HomeView } from './components/home-view.tsx';
import { ModalView } from './components/modal-view.tsx';
import { type Directory, DirectoryContext, PageContext } from './components/page-context.ts';
import { Sidebar } from './components/sidebar.tsx';
import { type Tab, TabBar } from './components/tab-bar.tsx';
import { ThreadPane } from './components/thread-pane.tsx';
import { act } from './model/act.ts';
import { useStored } from './model/stored.ts';
import { useWorkspace } from './model/stream.ts';
import { type Theme, useTheme } from './model/theme.ts';
import { useUnread } from './model/unread.ts';
import type { Deed, Workspace } from './model/wire.ts';

/** Whom the page opens as. */
const FIRST_USER = 'UONCALL';

/** The place in the middle that is not a channel: the app's home. */
const HOME = 'home';

/** The whole page: workspace on the left, conversation in the middle, thread and DebtFlow on the right. */
export function App() {
  const [as, setAs] = useStored('latency-bot:as', FIRST_USER, sessionStorage);
  const { theme, toggle } = useTheme();
  const { workspace, connected } = useWorkspace(as);
  const [chosen, setChosen] = useState<string | null>(null);
  const [thread, setThread] = useState<{ channel: string; ts: string } | null>(null);
  const [tab, setTab] = useState<Tab>('chat');

  const perform = useCallback((deed: Deed) => act(as, deed), [as]);
  const openThread = useCallback((channel: string, ts: string) => {
    setThread({ channel, ts });
    setTab('thread');
  }, []);
  const page = useMemo(
    () => workspace && { workspace, as, perform, openThread },
    [workspace, as, perform, openThread],
  );
  const directory = useDirectory(workspace, theme);
  const place = chosen ?? workspace?.channels[0]?.id ?? '';
  const unread = useUnread(workspace, place);

  if (!page || !workspace) return <Loading />;
  const channel = workspace.channels.find((one) => one.id === place);
  // While another user's snapshot is on its way, the modals are still those of the user before.
  const modal = workspace.me === as ? workspace.modals.at(-1) : undefined;
  return (
    <PageContext value={page}>
      <DirectoryContext value={directory}>
        <a className="skip" href="#conversation">
          Skip to the conversation
        </a>
        <div className={thread ? 'page with-thread' : 'page'} data-tab={tab}>
          <Sidebar
            place={place}
            unread={unread}
            connected={connected}
            themeSwitch={{ theme, toggle }}
            choose={(id) => {
              setChosen(id);
              setTab('chat');
            }}
            becomes={setAs}
          />
          <main id="conversation" tabIndex={-1}>
            {!connected && <Reconnecting />}
            {place === HOME || !channel ? (
              <HomeView key={as} />
            ) : (
              <ChannelView key={channel.id} channel={channel} />
            )}
          </main>
          <div className="right">
            <ThreadPane
              thread={thread}
              close={() => {
                setThread(null);
                setTab('chat');
              }}
            />
            <DebtFlowPanel />
          </div>
          <TabBar tab={tab} choose={setTab} unread={Object.values(unread).reduce((sum, n) => sum + n, 0)} />
        </div>
        {modal && <ModalView key={modal.id} view={modal} />}
        <Announcer />
      </DirectoryContext>
    </PageContext>
  );
}

function useDirectory(workspace: Workspace | null, theme: Theme): Directory {
  const { users, channels, usergroups } = workspace ?? {};
  return useMemo(
    () => ({
      theme,
      names: {
        users: (users ?? []).map((user) => ({ id: user.id, name: user.realName })),
        channels: (channels ?? []).map((channel) => ({ id: channel.id, name: channel.name })),
        user_groups: (usergroups ?? []).map((group) => ({ id: group.id, name: group.handle })),
      },
    }),
    [users, channels, usergroups, theme],
  );
}

function Reconnecting() {
  return (
    <p className="reconnecting" role="status">
      Reconnecting…
    </p>
  );
}

function Loading() {
  return (
    <div className="loading" role="status">
      <span className="pulse" aria-hidden="true" />
      Opening the workspace…
    </div>
  );
}
