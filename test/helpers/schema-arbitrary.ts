import fc from 'fast-check';
import { z } from 'zod';

/** The parts of JSON Schema that zod makes of our schemas. */
interface Schema {
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  propertyNames?: Schema;
  items?: Schema | boolean;
  prefixItems?: Schema[];
  maxItems?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  $ref?: string;
  $defs?: Record<string, Schema>;
}

/** Any value that a schema takes, with these texts wherever it allows any text, and lists up to `maxItems`. */
export function arbitraryOf<T>(
  schema: z.ZodType<T>,
  text: fc.Arbitrary<string>,
  maxItems: number,
): fc.Arbitrary<T> {
  const root = z.toJSONSchema(schema, { io: 'output' }) as Schema;
  // Limits that JSON Schema cannot say (refinements) are left to the schema itself.
  return build(root, { text, maxItems, defs: root.$defs ?? {} }).map((value) => schema.parse(value));
}

interface Options {
  text: fc.Arbitrary<string>;
  maxItems: number;
  defs: Record<string, Schema>;
}

function build(schema: Schema, options: Options): fc.Arbitrary<unknown> {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map((one) => build(one, options)));
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace('#/$defs/', '');
    return build(options.defs[name] ?? never(schema), options);
  }
  if ('const' in schema) return fc.constant(schema.const);
  if (Array.isArray(schema.type)) {
    return fc.oneof(...schema.type.map((type) => build({ ...schema, type }, options)));
  }
  if (schema.enum) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'string':
      return options.text;
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'integer':
    case 'number':
      return numberOf(schema);
    case 'array':
      return arrayOf(schema, options);
    case 'object':
      return objectOf(schema, options);
    default:
      return never(schema);
  }
}

function numberOf(schema: Schema): fc.Arbitrary<number> {
  const min = schema.exclusiveMinimum ?? schema.minimum ?? -1e9;
  const max = Math.min(schema.exclusiveMaximum ?? schema.maximum ?? 1e12, 1e12);
  const low = schema.exclusiveMinimum === undefined ? Math.ceil(min) : Math.floor(min) + 1;
  if (schema.type === 'integer') return fc.integer({ min: Math.max(low, -1e9), max: Math.min(max, 1e9) });
  return fc.oneof(
    fc.integer({ min: low, max: Math.max(low, Math.min(Math.floor(max), 1e9)) }).filter((n) => n <= max),
    // What is measured is never so small that dividing by it overflows.
    fc
      .double({
        ...{ min: Math.max(min, -1e9), max, noNaN: true },
        minExcluded: schema.exclusiveMinimum !== undefined,
      })
      .filter((n) => n === 0 || Math.abs(n) >= 1e-6),
  );
}

function arrayOf(schema: Schema, options: Options): fc.Arbitrary<unknown[]> {
  if (schema.prefixItems) return fc.tuple(...schema.prefixItems.map((one) => build(one, options)));
  const item = build(typeof schema.items === 'object' ? schema.items : never(schema), options);
  const most = Math.min(options.maxItems, schema.maxItems ?? options.maxItems);
  return fc.oneof(
    fc.array(item, { maxLength: Math.min(3, most) }),
    fc.array(item, { minLength: most, maxLength: most }),
  );
}

function objectOf(schema: Schema, options: Options): fc.Arbitrary<unknown> {
  const { properties, additionalProperties: rest } = schema;
  if (!properties && typeof rest === 'object') {
    const names = schema.propertyNames?.enum ? build(schema.propertyNames, options) : options.text;
    return fc.dictionary(names as fc.Arbitrary<string>, build(rest, options), { maxKeys: options.maxItems });
  }
  const entries = Object.entries(properties ?? {}).map(([key, one]) => [key, build(one, options)] as const);
  return fc.record(Object.fromEntries(entries), { requiredKeys: schema.required ?? [] });
}

function never(schema: Schema): never {
  throw new Error(`no arbitrary for ${JSON.stringify(schema).slice(0, 200)}`);
}
