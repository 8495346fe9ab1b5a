import type { ReactNode } from 'react';
import type { Block, Element } from '../model/wire.ts';
import { ButtonElement, FeedbackButtons } from './button-element.tsx';
import { ChoiceGroup } from './choice-group.tsx';
import { OverflowMenu } from './overflow-menu.tsx';
import { SelectElement } from './select-element.tsx';
import { TextInput } from './text-input.tsx';

/** What an element needs to know of where it is; `label` names an input that has no visible label. */
export interface ElementProps {
  block: Block;
  element: Element;
  label?: string;
}

/** One element inside an `actions`, `input` or `section` block. */
export function ElementView(props: ElementProps): ReactNode {
  const { element } = props;
  switch (element.type) {
    case 'button':
    case 'workflow_button':
    case 'icon_button':
      return <ButtonElement {...props} />;
    case 'feedback_buttons':
      return <FeedbackButtons {...props} />;
    case 'overflow':
      return <OverflowMenu {...props} />;
    case 'static_select':
    case 'users_select':
    case 'channels_select':
    case 'conversations_select':
      return <SelectElement {...props} />;
    case 'radio_buttons':
    case 'checkboxes':
    case 'multi_static_select':
    case 'multi_users_select':
    case 'multi_channels_select':
      return <ChoiceGroup {...props} />;
    case 'plain_text_input':
    case 'email_text_input':
    case 'url_text_input':
    case 'number_input':
    case 'datepicker':
    case 'timepicker':
    case 'datetimepicker':
      return <TextInput {...props} />;
    case 'image':
      return <img className="accessory-image" src={element.image_url} alt={element.alt_text ?? ''} />;
    default:
      return <span className="muted">({element.type} is not part of the sandbox)</span>;
  }
}
