import { useStored } from '../model/stored.ts';

const STEPS = ['Switch on a fault', 'Type /latency', 'Approve as another user'];

/** Three steps for a first visit; gone for good once dismissed. */
export function Guide() {
  const [seen, setSeen] = useStored('latency-bot:guide', '');
  if (seen) return null;
  return (
    <aside className="guide" aria-label="How to try it">
      <ol>
        {STEPS.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      <button type="button" className="close" aria-label="Dismiss the guide" onClick={() => setSeen('seen')}>
        ×
      </button>
    </aside>
  );
}
