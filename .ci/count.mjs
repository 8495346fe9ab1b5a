// Adds up vitest's JSON reports: `node .ci/count.mjs DIR unit servers e2e`. A missing report, a skipped test or a suite
// that did not load counts as a failure: nothing may go untested in silence.
import { existsSync, readFileSync } from 'node:fs';

const [directory, ...suites] = process.argv.slice(2);
const firstLines = (text) => (text ?? '').split('\n').slice(0, 12).join('\n  ');
let passed = 0;
let failed = 0;
for (const suite of suites) {
  const file = `${directory}/${suite}.json`;
  if (!existsSync(file)) {
    console.log(`${suite}: no report`);
    failed += 1;
    continue;
  }
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const broken = report.testResults.filter(
    (one) => one.status === 'failed' && one.assertionResults.length === 0,
  );
  for (const one of broken) console.log(`${suite}: ${one.name} did not load: ${firstLines(one.message)}`);
  for (const test of report.testResults.flatMap((one) => one.assertionResults)) {
    if (test.status !== 'failed') continue;
    console.log(`${suite}: FAILED ${test.fullName}: ${firstLines(test.failureMessages.join('\n'))}`);
  }
  const skipped = report.numPendingTests + report.numTodoTests;
  if (skipped > 0) console.log(`${suite}: ${skipped} skipped`);
  if (report.numTotalTests === 0) console.log(`${suite}: no test ran`);
  passed += report.numPassedTests;
  failed += report.numFailedTests + broken.length + skipped + (report.numTotalTests === 0 ? 1 : 0);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
