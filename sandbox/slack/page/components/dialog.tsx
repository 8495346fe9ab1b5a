import { type ReactNode, useEffect, useRef } from 'react';

/** A native modal dialog: the browser traps the focus, and it goes back to where it was. */
export function Dialog(props: {
  label: string;
  className?: string;
  testId?: string;
  onCancel: () => void;
  children: ReactNode;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      className={`dialog ${props.className ?? ''}`}
      aria-label={props.label}
      data-testid={props.testId}
      onCancel={(event) => {
        // The owner decides when the dialog goes away.
        event.preventDefault();
        event.stopPropagation();
        props.onCancel();
      }}
      // A browser may close it over our objection when Esc is pressed twice.
      onClose={props.onCancel}
    >
      {props.children}
    </dialog>
  );
}
