import type { Message, View } from '../records.ts';

/** What a person's deed has made visible to them so far. */
export interface Seen {
  ephemeral: Message | null;
  view: View | null;
  message: Message | null;
}

/** One deed of a person, from the moment they did it until they are told what it brought. */
export interface Act {
  user: string;
  channel?: string;
  /** On the clock of `performance.now()`: people wait in real time. */
  startedAt: number;
  viewIds: Set<string>;
  /** The `response_url` it gave out. */
  responseToken?: string;
  /** Done on the Home tab. */
  atHome: boolean;
  seen: Seen;
  /** Whether anything came that this deed caused. */
  answered: boolean;
  onAnswer: () => void;
}

/** Who does something, and where. */
export interface ActStart {
  user: string;
  channel?: string | undefined;
  viewId?: string | undefined;
  atHome?: boolean;
}

/** The deeds that people still wait on. */
export interface Acts {
  begin(start: ActStart): Act;
  end(act: Act): void;
  /** An answer that is known to belong to this deed. */
  answer(act: Act, seen: Partial<Seen>): void;
  /** A private message belongs to the newest deed of that person in that channel, or in a view. */
  sawEphemeral(user: string, message: Message): void;
  sawView(view: View): void;
  sawResponse(token: string, seen: Partial<Seen>): void;
  /** A Home tab that was published belongs to a deed on that tab. */
  sawHome(user: string, view: View): void;
}

/** No deed at first. */
export function createActs(): Acts {
  const open = new Set<Act>();
  const answer = (act: Act, seen: Partial<Seen>) => {
    Object.assign(act.seen, seen);
    act.answered = true;
    act.onAnswer();
  };
  return {
    begin({ user, channel, viewId, atHome = false }) {
      const act: Act = {
        user,
        ...(channel !== undefined && { channel }),
        startedAt: performance.now(),
        atHome,
        viewIds: new Set(viewId === undefined ? [] : [viewId]),
        seen: { ephemeral: null, view: null, message: null },
        answered: false,
        onAnswer: () => undefined,
      };
      open.add(act);
      return act;
    },
    end: (act) => void open.delete(act),
    answer,
    sawEphemeral(user, message) {
      const mine = [...open].filter(
        (act) => act.user === user && (act.channel === undefined || act.channel === message.channel),
      );
      const newest = mine.at(-1);
      if (newest) answer(newest, { ephemeral: message });
    },
    sawView(view) {
      for (const act of open) if (act.viewIds.has(view.id)) answer(act, { view });
    },
    sawResponse(token, seen) {
      for (const act of open) if (act.responseToken === token) answer(act, seen);
    },
    sawHome(user, view) {
      for (const act of open) if (act.atHome && act.user === user) answer(act, { view });
    },
  };
}
