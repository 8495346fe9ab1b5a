import type { User } from '../model/wire.ts';

/** Black or white, whichever reads better on the colour. */
function inkOn(hex: string): string {
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map(
    (at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255,
  );
  return 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 ? '#1d1c1d' : '#ffffff';
}

function initials(name: string): string {
  return name
    .split(/[\s-]+/)
    .map((word) => word[0] ?? '')
    .join('')
    .slice(0, 2)
    .toUpperCase();
}

/** A person's initials on their colour; the bot has the pulse. */
export function Avatar({ user, small }: { user: User | undefined; small?: boolean }) {
  const className = small ? 'avatar small' : 'avatar';
  if (user?.isBot) return <img className={className} src="/assets/icon.svg" alt="" />;
  const hex = (user?.color ?? '').replace('#', '');
  const colour = /^[0-9a-f]{6}$/i.test(hex) ? hex : '616061';
  return (
    <span className={className} aria-hidden="true" style={{ background: `#${colour}`, color: inkOn(colour) }}>
      {initials(user?.realName ?? '?')}
    </span>
  );
}
