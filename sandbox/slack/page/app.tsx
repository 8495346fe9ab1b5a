import { use, useCallback, useMemo } from 'react';
import { Announcer } from './components/announcer.tsx';
import { ChannelView } from './components/channel-view.tsx';
import { DebtFlowPanel } from './components/debtflow-panel.tsx';
import { HomeView } from './components/home-view.tsx';
import { ModalView } from './components/modal-view.tsx';
import { DirectoryContext, PageContext } from './components/page-context.ts';
import { Sidebar } from './components/sidebar.tsx';
import { TabBar } from './components/tab-bar.tsx';
import { ThreadPane } from './components/thread-pane.tsx';
import { act } from './model/act.ts';
import { useDirectory } from './model/directory.ts';
import { useNavigation } from './model/navigation.ts';
import { useStored } from './model/stored.ts';
import { useWorkspace } from './model/stream.ts';
import { useTheme } from './model/theme.ts';
import { useUnread } from './model/unread.ts';
import type { Deed } from './model/wire.ts';

/** Whom the page opens as. */
const FIRST_USER = 'UONCALL';

/** The place in the middle that is not a channel: the app's home. */
const HOME = 'home';

/** The whole page: workspace on the left, conversation in the middle, thread and DebtFlow on the right. */
export function App() {
  const [as, setAs] = useStored('latency-bot:as', FIRST_USER, sessionStorage);
  const { theme, toggle } = useTheme();
  const { workspace, connected } = useWorkspace(as);
  const navigation = useNavigation();
  const { thread, tab, openThread } = navigation;
  const place = navigation.place ?? workspace?.channels[0]?.id ?? '';
  const unread = useUnread(workspace, place);
  const directory = useDirectory(workspace, theme);
  const perform = useCallback((deed: Deed) => act(as, deed), [as]);
  const page = useMemo(
    () => workspace && { workspace, as, perform, openThread },
    [workspace, as, perform, openThread],
  );
  if (!page) return <Loading />;
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
            choose={navigation.goTo}
            becomes={setAs}
          />
          <Middle place={place} connected={connected} />
          <div className="right">
            <ThreadPane thread={thread} close={navigation.closeThread} />
            <DebtFlowPanel />
          </div>
          <TabBar
            tab={tab}
            choose={navigation.setTab}
            unread={Object.values(unread).reduce((sum, n) => sum + n, 0)}
          />
        </div>
        <TopModal />
        <Announcer />
      </DirectoryContext>
    </PageContext>
  );
}

function Middle({ place, connected }: { place: string; connected: boolean }) {
  const { workspace, as } = use(PageContext);
  const channel = workspace.channels.find((one) => one.id === place);
  return (
    <main id="conversation" tabIndex={-1}>
      {!connected && <Reconnecting />}
      {place === HOME || !channel ? (
        <HomeView key={as} />
      ) : (
        <ChannelView key={channel.id} channel={channel} />
      )}
    </main>
  );
}

function TopModal() {
  const { workspace, as } = use(PageContext);
  // While another user's snapshot is on its way, the modals are still those of the user before.
  const modal = workspace.me === as ? workspace.modals.at(-1) : undefined;
  return modal && <ModalView key={modal.id} view={modal} />;
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
