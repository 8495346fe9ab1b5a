import { expect, test } from 'vitest';
import { buttonBlock, eventually, openWorkspace, reasonModal, startBot } from './workspace.ts';

test('a button opens a modal, the modal refuses, then takes, and the message changes', async () => {
  const { address, act, client } = await openWorkspace();
  const bot = await startBot(address, (app) => {
    app.action('reject', async ({ ack, body, client: web }) => {
      await ack();
      if (body.type !== 'block_actions') return;
      const view = { ...reasonModal(), private_metadata: body.message?.ts ?? '' };
      await web.views.open({ trigger_id: body.trigger_id, view });
    });
    app.view('reason', async ({ ack, body, view, client: web }) => {
      const text = view.state.values.reason?.text?.value ?? '';
      if (text === 'because') return ack({ response_action: 'errors', errors: { reason: 'Not a reason.' } });
      await ack();
      await web.chat.update({ channel: 'CINCIDENTS', ts: view.private_metadata, text: `rejected: ${text}` });
      await web.chat.postEphemeral({ channel: 'CINCIDENTS', user: body.user.id, text: 'Noted.' });
      return undefined;
    });
  });
  const blocks = [buttonBlock('reject')];
  const { ts } = await bot.client.chat.postMessage({ channel: 'CINCIDENTS', text: 'approve?', blocks });
  const opened = await act({ as: 'UAPPROVER', do: 'click', channel: 'CINCIDENTS', ts, action_id: 'reject' });
  expect(opened).toMatchObject({ ok: true, view: { callback_id: 'reason', private_metadata: ts } });
  const submit = (values: object) => act({ as: 'UAPPROVER', do: 'submit', view_id: opened.view?.id, values });

  expect(await submit({ reason: { text: '' } })).toMatchObject({
    errors: { reason: 'Please complete this required field.' },
  });
  expect(await submit({ text: 'no' })).toMatchObject({
    errors: { reason: 'Must be at least 3 characters.' },
  });
  expect(await submit({ text: 'because' })).toMatchObject({ errors: { reason: 'Not a reason.' } });
  expect(await submit({ reason: { text: 'too risky' } })).toMatchObject({
    ok: true,
    view: null,
    ephemeral: { text: 'Noted.' },
  });
  expect(await submit({ text: 'again' })).toMatchObject({ ok: false, error: 'view_not_found' });
  await eventually(async () => {
    const [message] =
      (await client('xoxp-sandbox-observer').conversations.history({ channel: 'CINCIDENTS' })).messages ?? [];
    expect(message).toMatchObject({ ts, text: 'rejected: too risky' });
    expect(message).not.toHaveProperty('blocks');
  });
  const gone = await act({ as: 'UAPPROVER', do: 'click', channel: 'CINCIDENTS', ts, action_id: 'reject' });
  expect(gone).toMatchObject({ ok: false, error: 'no_such_action' });
});

test('opening the Home tab shows what the app publishes', async () => {
  const { address, act } = await openWorkspace();
  await startBot(address, (app) => {
    app.event('app_home_opened', async ({ event, client }) => {
      const blocks = [
        {
          type: 'actions' as const,
          elements: [
            {
              type: 'button' as const,
              action_id: 'more',
              text: { type: 'plain_text' as const, text: 'More' },
            },
          ],
        },
      ];
      await client.views.publish({ user_id: event.user, view: { type: 'home', blocks } });
    });
    app.action('more', async ({ ack, body, client }) => {
      await ack();
      if (body.type === 'block_actions')
        await client.views.open({ trigger_id: body.trigger_id, view: reasonModal() });
    });
  });
  const home = await act({ as: 'UOBSERVER', do: 'home' });
  expect(home).toMatchObject({ ok: true, view: { type: 'home' } });
  expect(
    await act({ as: 'UOBSERVER', do: 'click', view_id: home.view?.id, action_id: 'more' }),
  ).toMatchObject({ view: { type: 'modal' } });
});

test('shortcuts run from a message and from anywhere', async () => {
  const { address, act } = await openWorkspace();
  await startBot(address, (app) => {
    app.shortcut({ type: 'message_action', callback_id: 'attach' }, async ({ ack, shortcut, respond }) => {
      await ack();
      await respond(`attached ${shortcut.message.text}`);
    });
    app.shortcut({ type: 'shortcut', callback_id: 'open' }, async ({ ack, shortcut, client }) => {
      await ack();
      await client.views.open({ trigger_id: shortcut.trigger_id, view: reasonModal() });
    });
  });
  const said = await act({ as: 'UONCALL', do: 'message', channel: 'CINCIDENTS', text: 'slow' });
  const attach = {
    as: 'UONCALL',
    do: 'shortcut',
    callback_id: 'attach',
    channel: 'CINCIDENTS',
    ts: said.message?.ts,
  };
  expect(await act(attach)).toMatchObject({ ephemeral: { text: 'attached slow' } });
  expect(await act({ as: 'UONCALL', do: 'shortcut', callback_id: 'open' })).toMatchObject({
    view: { callback_id: 'reason' },
  });
  expect(await act({ as: 'UONCALL', do: 'shortcut', callback_id: 'none' })).toMatchObject({
    error: 'no_such_shortcut',
  });
});

test('modals stack up to three, update by acknowledgement, and tell the app when they close', async () => {
  const { address, act } = await openWorkspace();
  const closed: string[] = [];
  await startBot(address, (app) => {
    const step = (name: string) => ({ ...reasonModal(name), notify_on_close: true });
    app.shortcut('open', async ({ ack, shortcut, client }) => {
      await ack();
      await client.views.open({ trigger_id: shortcut.trigger_id, view: step('one') });
    });
    app.view('one', async ({ ack }) => ack({ response_action: 'push', view: step('two') }));
    app.view('two', async ({ ack }) => ack({ response_action: 'update', view: step('three') }));
    app.view({ type: 'view_closed', callback_id: 'three' }, async ({ ack, view }) => {
      closed.push(view.callback_id);
      await ack();
    });
    app.view('three', async ({ ack }) => ack({ response_action: 'clear' }));
  });
  const first = await act({ as: 'UONCALL', do: 'shortcut', callback_id: 'open' });
  const submit = (viewId: unknown) =>
    act({ as: 'UONCALL', do: 'submit', view_id: viewId, values: { text: 'reason' } });
  const second = await submit(first.view?.id);
  expect(second).toMatchObject({
    view: { callback_id: 'two', previous_view_id: first.view?.id, root_view_id: first.view?.id },
  });
  expect(await submit(first.view?.id)).toMatchObject({ error: 'view_not_found' });
  expect(await submit(second.view?.id)).toMatchObject({
    view: { callback_id: 'three', id: second.view?.id },
  });
  expect(await act({ as: 'UONCALL', do: 'close', view_id: second.view?.id })).toMatchObject({ ok: true });
  expect(closed).toEqual(['three']);
  expect(await submit(first.view?.id)).toMatchObject({ view: { callback_id: 'two' } });
});

test('a field keeps what was chosen when the app updates the view around it', async () => {
  const { address, act } = await openWorkspace();
  const options = ['a', 'b'].map((value) => ({ text: { type: 'plain_text' as const, text: value }, value }));
  const select = { type: 'static_select' as const, action_id: 'cause', options };
  const label = { type: 'plain_text' as const, text: 'Cause' };
  const field = { type: 'input' as const, block_id: 'b', label, element: select, dispatch_action: true };
  const view = { ...reasonModal('chosen'), blocks: [field] };
  const submitted: unknown[] = [];
  await startBot(address, (app) => {
    app.shortcut('open', async ({ ack, shortcut, client }) => {
      await ack();
      await client.views.open({ trigger_id: shortcut.trigger_id, view });
    });
    app.action('cause', async ({ ack, body, client }) => {
      await ack();
      if (body.type !== 'block_actions') return;
      const blocks = [field, { type: 'divider' as const }];
      await client.views.update({ view_id: body.view?.id ?? '', view: { ...view, blocks } });
    });
    app.view('chosen', async ({ ack, view: sent }) => {
      submitted.push(sent.state.values);
      await ack({ response_action: 'update', view: { ...view, blocks: [{ type: 'divider' }] } });
    });
  });
  const opened = await act({ as: 'UONCALL', do: 'shortcut', callback_id: 'open' });
  const place = { as: 'UONCALL', view_id: opened.view?.id };
  const changed = await act({ ...place, do: 'click', action_id: 'cause', value: 'b' });
  expect(changed.view).toMatchObject({ blocks: [{ type: 'input' }, { type: 'divider' }] });
  await act({ ...place, do: 'submit' });
  expect(submitted).toEqual([
    { b: { cause: { type: 'static_select', selected_option: expect.objectContaining({ value: 'b' }) } } },
  ]);
});
