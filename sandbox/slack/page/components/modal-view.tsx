import { use, useMemo, useState } from 'react';
import { wordsOf } from '../model/act.ts';
import { type Form, submittedValues, useForm } from '../model/form.ts';
import type { View } from '../model/wire.ts';
import { Blocks } from './block-view.tsx';
import { Dialog } from './dialog.tsx';
import { PageContext } from './page-context.ts';
import { Problem } from './problem.tsx';
import { Surface } from './surface.tsx';

function useSubmission(view: View, form: Form) {
  const { perform } = use(PageContext);
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<string | null>(null);
  const close = async (): Promise<void> =>
    setProblem(wordsOf(await perform({ do: 'close', view_id: view.id })));
  const submit = async (): Promise<void> => {
    if (busy) return;
    setBusy(true);
    const values = submittedValues(form, view.blocks);
    const answer = await perform({ do: 'submit', view_id: view.id, values });
    setBusy(false);
    setErrors(answer.ok ? (answer.errors ?? {}) : {});
    setProblem(wordsOf(answer));
  };
  return { busy, errors, problem, close, submit };
}

/** A modal with its inputs; it stays until the app, or the person, closes it. */
export function ModalView({ view }: { view: View }) {
  const form = useForm();
  const { busy, errors, problem, close, submit } = useSubmission(view, form);
  const place = useMemo(() => ({ view_id: view.id }), [view.id]);
  return (
    <Dialog
      label={view.title?.text ?? 'Dialog'}
      className="modal"
      testId="modal"
      onCancel={() => void close()}
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <header>
          <h2>{view.title?.text}</h2>
          <button type="button" className="close" aria-label="Close" onClick={() => void close()}>
            ×
          </button>
        </header>
        <div className="modal-content">
          <Surface place={place} form={form} blocks={view.blocks} errors={errors}>
            <Blocks blocks={view.blocks} />
          </Surface>
          <Problem words={problem} />
        </div>
        <footer>
          <button type="button" className="button" data-testid="modal-close" onClick={() => void close()}>
            {view.close?.text ?? 'Cancel'}
          </button>
          {view.submit && (
            <button type="submit" className="button primary" data-testid="modal-submit" aria-busy={busy}>
              {view.submit.text}
            </button>
          )}
        </footer>
      </form>
    </Dialog>
  );
}
