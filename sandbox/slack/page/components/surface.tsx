import { createContext, type ReactNode, use, useCallback, useMemo, useState } from 'react';
import { wordsOf } from '../model/act.ts';
import { type Form, keyOf, submittedValues, useForm } from '../model/form.ts';
import type { Block, Confirm, Element, Place, Value } from '../model/wire.ts';
import { ConfirmDialog } from './confirm-dialog.tsx';
import { PageContext } from './page-context.ts';
import { Problem } from './problem.tsx';

interface SurfaceState {
  form: Form;
  errors: Record<string, string>;
  isBusy: (block: Block, element: Element) => boolean;
  click: (block: Block, element: Element, value?: Value) => Promise<void>;
}

/** The message, modal or home view around a block: where its clicks and values go. */
export const SurfaceContext = createContext<SurfaceState>({
  form: { values: new Map(), setValue: () => undefined },
  errors: {},
  isBusy: () => false,
  click: () => Promise.reject(new Error('clicked outside a surface')),
});

type Typed = ReturnType<typeof submittedValues>;

interface Question {
  confirm: Confirm;
  answer: (yes: boolean) => void;
}

/** `typed` gives what stands in the fields around the button: a click in a modal carries it. */
function useClicks(place: Place, typed: () => Typed | undefined) {
  const { perform } = use(PageContext);
  const [busy, setBusy] = useState<ReadonlySet<string>>(new Set());
  const [question, setQuestion] = useState<Question | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  const click = useCallback(
    async (block: Block, element: Element, value?: Value) => {
      if (element.confirm && !(await ask(element.confirm, setQuestion))) return;
      const key = keyOf(block.block_id, element.action_id);
      const ids = { action_id: element.action_id ?? '', ...(block.block_id && { block_id: block.block_id }) };
      const values = typed();
      setProblem(null);
      setBusy((old) => new Set(old).add(key));
      const answer = await perform({
        do: 'click',
        ...ids,
        ...place,
        ...(value === undefined ? {} : { value }),
        ...(values === undefined ? {} : { values }),
      });
      setBusy((old) => new Set([...old].filter((other) => other !== key)));
      setProblem(wordsOf(answer));
    },
    [perform, place, typed],
  );
  return { busy, question, problem, click };
}

/** Makes the blocks inside it answer to clicks: asks for confirmation, shows what is busy and what went wrong. */
export function Surface(props: {
  place: Place;
  /** The blocks inside, where they are a form. */
  blocks?: Block[];
  form?: Form;
  errors?: Record<string, string>;
  children: ReactNode;
}) {
  const ownForm = useForm();
  const form = props.form ?? ownForm;
  const { blocks } = props;
  const typed = useCallback(() => blocks && submittedValues(form, blocks), [form, blocks]);
  const { busy, question, problem, click } = useClicks(props.place, typed);
  const state = useMemo<SurfaceState>(
    () => ({
      form,
      errors: props.errors ?? {},
      isBusy: (block, element) => busy.has(keyOf(block.block_id, element.action_id)),
      click,
    }),
    [form, props.errors, busy, click],
  );

  return (
    <SurfaceContext value={state}>
      {props.children}
      <Problem words={problem} />
      {question && <ConfirmDialog confirm={question.confirm} onAnswer={question.answer} />}
    </SurfaceContext>
  );
}

function ask(confirm: Confirm, setQuestion: (question: Question | null) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (yes: boolean): void => {
      setQuestion(null);
      resolve(yes);
    };
    setQuestion({ confirm, answer });
  });
}
