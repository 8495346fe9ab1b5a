import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { uploads } from './api/files.ts';
import type { FileRecord } from './records.ts';
import type { Workspace } from './workspace.ts';

/** The address that a file is sent to, and the one it is read from. */
export function registerUploads(app: FastifyInstance, workspace: Workspace): void {
  const folder = join(workspace.stateDir, 'files');
  app.post<{ Params: { id: string } }>('/sandbox/upload/:id', async (request, reply) => {
    const upload = uploads(workspace).get(request.params.id);
    if (!upload || upload.received) return reply.code(404).send('no such upload');
    const content = await fileIn(request.headers['content-type'] ?? '', request.body);
    if (content.length !== upload.length) return reply.code(400).send('the length is not the announced one');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, upload.id), content);
    uploads(workspace).set(upload.id, { ...upload, received: true });
    return reply.type('text/plain').send(`OK - ${content.length}`);
  });
  app.get<{ Params: { id: string } }>('/sandbox/files/:id', async (request, reply) => {
    const file = workspace.journal.table<FileRecord>('files').get(request.params.id);
    if (!file) return reply.code(404).send('no such file');
    return reply
      .header('x-content-type-options', 'nosniff')
      .type(file.mimetype)
      .send(readFileSync(join(folder, file.id)));
  });
}

/** The SDK sends a multipart form with the file in it; other clients send the bytes alone. */
async function fileIn(contentType: string, body: unknown): Promise<Buffer> {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from('');
  if (!contentType.startsWith('multipart/form-data')) return bytes;
  const form = await new Response(new Uint8Array(bytes), {
    headers: { 'content-type': contentType },
  }).formData();
  for (const value of form.values())
    if (typeof value !== 'string') return Buffer.from(await value.arrayBuffer());
  return Buffer.from('');
}
