/**
 * Names: camelCase in TypeScript, snake_case in C, and the words that neither language lets an
 * author use. What a reader would get wrong: names may not hold underscores, and exactly because
 * of that the way to C and back is unambiguous.
 */

const C_KEYWORDS =
  'auto break case char const continue default do double else enum extern float for goto if ' +
  'inline int long register restrict return short signed sizeof static struct switch typedef ' +
  'union unsigned void volatile while asm typeof bool true false NULL';

const TS_KEYWORDS =
  'arguments await break case catch class const constructor continue debugger default delete do ' +
  'else enum eval export extends false finally for function if implements import in instanceof ' +
  'interface let new null package private protected prototype public return static super switch ' +
  'this throw true try typeof undefined var void while with yield';

const C_WORDS = new Set(C_KEYWORDS.split(' '));
const TS_WORDS = new Set(TS_KEYWORDS.split(' '));

/** `sizeBytes` → `size_bytes`, `cgo-malloc` → `cgo_malloc`. */
export function snakeCase(name: string): string {
  return name.replace(/-/g, '_').replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}

/** `size_bytes` or `size-bytes` → `sizeBytes`. */
export function camelCase(name: string): string {
  return name.replace(/[_-]([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `sizeBytes` or `cgo-malloc` → `SizeBytes`, `CgoMalloc`. */
export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}

/** `sizeBytes` → `SIZE_BYTES`. */
export function upperCase(name: string): string {
  return snakeCase(name).toUpperCase();
}

/** Why `name` cannot be a field, type, map or parameter; undefined when it can. */
export function whyNotName(name: string): string | undefined {
  if (!/^[a-z][A-Za-z0-9]*$/.test(name)) return `name "${name}" is not camelCase`;
  if (C_WORDS.has(snakeCase(name))) return `name "${name}" is a keyword of C`;
  if (TS_WORDS.has(name)) return `name "${name}" is a keyword of TypeScript`;
  return undefined;
}
