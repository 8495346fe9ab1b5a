import { writeFile } from 'node:fs/promises';
import { parseOptions, USAGE } from './options.ts';
import { rehearse } from './rehearse.ts';
import { table } from './table.ts';

/** `npm run rehearse`: exit code 0 when every case passes, 1 when one fails, 2 when it could not be asked for. */
async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const began = performance.now();
  const results = await rehearse(options, ({ case: name, verdict, secondsToDiagnosis }) => {
    const took = secondsToDiagnosis === null ? '' : ` ${secondsToDiagnosis} s to the diagnosis`;
    process.stderr.write(`  ${verdict.padEnd(8)} ${name}${took}\n`);
  });
  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  process.stdout.write(`${table(results)}, in ${minutes} min\n`);
  if (options.json) await writeFile(options.json, `${JSON.stringify({ schema: 1, results }, null, 2)}\n`);
  process.exitCode = results.some(({ verdict }) => verdict === 'fail') ? 1 : 0;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
  process.exitCode = 2;
});
