import { type ReactNode, use } from 'react';
import type { Theme } from '../model/theme.ts';
import { Avatar } from './avatar.tsx';
import { PageContext } from './page-context.ts';

/** The workspace: its channels, the app, who one is, and the light switch. */
export function Sidebar(
  props: PlaceProps & {
    connected: boolean;
    themeSwitch: { theme: Theme; toggle: () => void };
    becomes: (userId: string) => void;
  },
) {
  const { workspace } = use(PageContext);
  const { theme, toggle } = props.themeSwitch;
  return (
    <nav className="sidebar" aria-label="Workspace">
      <header>
        <h1>{workspace.team.name}</h1>
        <span className={props.connected ? 'connection on' : 'connection'}>
          {props.connected ? 'connected' : 'reconnecting…'}
        </span>
      </header>
      <Places {...props} />
      <UserSwitch becomes={props.becomes} />
      <button type="button" className="theme-switch" onClick={toggle}>
        <span aria-hidden="true">{theme === 'dark' ? '☀' : '☾'}</span>
        {theme === 'dark' ? 'Light theme' : 'Dark theme'}
      </button>
    </nav>
  );
}

interface PlaceProps {
  place: string;
  unread: Record<string, number>;
  choose: (place: string) => void;
}

function Places(props: PlaceProps) {
  const { workspace } = use(PageContext);
  // A direct conversation has an id that starts with D.
  const direct = workspace.channels.filter((channel) => channel.id.startsWith('D'));
  const channels = workspace.channels.filter((channel) => !direct.includes(channel));
  return (
    <>
      <h2>Channels</h2>
      <ul>
        {channels.map((channel) => (
          <li key={channel.id}>
            <PlaceButton {...props} id={channel.id} testId={`channel-${channel.id}`}>
              <span aria-hidden="true" className="hash">
                #
              </span>
              {channel.name}
            </PlaceButton>
          </li>
        ))}
      </ul>
      <h2>Apps</h2>
      <ul>
        <li>
          <PlaceButton {...props} id="home" testId="app-home">
            <img className="avatar small" src="/assets/icon.svg" alt="" />
            Latency Bot
          </PlaceButton>
        </li>
        {direct.map((channel) => (
          <li key={channel.id}>
            <PlaceButton {...props} id={channel.id} testId={`channel-${channel.id}`}>
              <span aria-hidden="true" className="hash">
                ↪
              </span>
              Direct messages
            </PlaceButton>
          </li>
        ))}
      </ul>
    </>
  );
}

function PlaceButton(props: PlaceProps & { id: string; testId: string; children: ReactNode }) {
  const unread = props.unread[props.id] ?? 0;
  return (
    <button
      type="button"
      className={unread > 0 ? 'place unread' : 'place'}
      aria-current={props.place === props.id ? 'page' : undefined}
      data-testid={props.testId}
      onClick={() => props.choose(props.id)}
    >
      {props.children}
      {unread > 0 && (
        <span className="badge">
          {unread}
          <span className="hidden"> unread</span>
        </span>
      )}
    </button>
  );
}

/** Three people share this browser: approving is another person's job than asking. */
function UserSwitch({ becomes }: { becomes: (userId: string) => void }) {
  const { workspace, as } = use(PageContext);
  const people = workspace.users.filter((user) => !user.isBot);
  return (
    <fieldset className="users">
      <legend>You are</legend>
      {people.map((user) => (
        <label key={user.id} data-testid={`user-${user.id}`}>
          <input type="radio" name="user" checked={user.id === as} onChange={() => becomes(user.id)} />
          <Avatar user={user} small />
          <span>
            <strong>{user.realName}</strong>
            <small>{user.title}</small>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
