import { chosenCases, QUICK } from './cases.ts';
import type { RehearsalOptions } from './options.ts';
import { startProduct } from './product.ts';
import { type Result, runCase } from './run-case.ts';

const CALM_MS = 4_000;
const QUICK_CALM_MS = 1_500;

/** Runs the cases one after the other on one product, and tells of each as it ends. */
export async function rehearse(
  options: RehearsalOptions,
  tell: (result: Result) => void = () => undefined,
): Promise<Result[]> {
  const product = await startProduct();
  const results: Result[] = [];
  try {
    const faults = await product.faults();
    const cases = chosenCases(faults, options);
    for (let pass = 0; pass < options.repeat; pass++) {
      for (const one of cases) {
        // The product starts once.
        if (one.atStart && pass > 0) continue;
        const mitigated =
          !options.quick || QUICK.some(({ name, mitigated }) => name === one.name && mitigated);
        const calmMs = options.quick ? QUICK_CALM_MS : CALM_MS;
        const result = await runCase(product, faults, one, { calmMs, mitigate: mitigated });
        results.push(result);
        tell(result);
        const lastWords = product.ended();
        if (lastWords !== null) throw new Error(`the bot ended during ${one.name}:\n${lastWords}`);
      }
    }
  } finally {
    await product.close();
  }
  return results;
}
