import type { Confirm } from '../model/wire.ts';
import { Dialog } from './dialog.tsx';
import { Text } from './rich-text.tsx';

/** The question before a click with consequences. */
export function ConfirmDialog({ confirm, onAnswer }: { confirm: Confirm; onAnswer: (yes: boolean) => void }) {
  return (
    <Dialog label={confirm.title.text} className="confirm" onCancel={() => onAnswer(false)}>
      <h2>{confirm.title.text}</h2>
      <Text text={confirm.text} />
      <footer>
        <button type="button" className="button" data-testid="confirm-deny" onClick={() => onAnswer(false)}>
          {confirm.deny.text}
        </button>
        <button
          type="button"
          className={`button ${confirm.style === 'danger' ? 'danger' : 'primary'}`}
          data-testid="confirm-ok"
          onClick={() => onAnswer(true)}
        >
          {confirm.confirm.text}
        </button>
      </footer>
    </Dialog>
  );
}
