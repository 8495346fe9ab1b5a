/** The small red line in which Slack says what went wrong. */
export function Problem({ words }: { words: string | null | undefined }) {
  if (!words) return null;
  return (
    <p className="problem" role="alert">
      {words}
    </p>
  );
}
