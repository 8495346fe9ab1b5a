import { use, useEffect, useMemo } from 'react';
import { useDeed } from '../model/deed.ts';
import type { View } from '../model/wire.ts';
import { Blocks } from './block-view.tsx';
import { PageContext } from './page-context.ts';
import { Problem } from './problem.tsx';
import { Surface } from './surface.tsx';

/** The app's own page. */
export function HomeView() {
  const { workspace, as, perform } = use(PageContext);
  const { run, problem } = useDeed();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the app hears of an opening once for each person.
  useEffect(() => {
    void run({ do: 'home' });
  }, [as, perform]);
  return (
    <section className="home" aria-label="Latency Bot" data-testid="home">
      <header className="pane-head">
        <h2>Latency Bot</h2>
        <p className="topic">Home</p>
      </header>
      <div className="home-blocks">
        {workspace.home ? (
          <HomeBlocks view={workspace.home} />
        ) : (
          <p className="empty">Latency Bot has not shown anything here yet.</p>
        )}
        <Problem words={problem} />
      </div>
    </section>
  );
}

function HomeBlocks({ view }: { view: View }) {
  const place = useMemo(() => ({ view_id: view.id }), [view.id]);
  return (
    <Surface place={place}>
      <Blocks blocks={view.blocks} />
    </Surface>
  );
}
