/**
 * The handlebars templates of the C printer, compiled once each. What a reader would get wrong:
 * nothing is escaped (this is C, not HTML), and a missing value throws instead of printing nothing.
 */
import { readFileSync } from 'node:fs';
import Handlebars from 'handlebars';

const engine = Handlebars.create();
const compiled = new Map<string, HandlebarsTemplateDelegate>();

function template(name: string): HandlebarsTemplateDelegate {
  let ready = compiled.get(name);
  if (ready === undefined) {
    const url = new URL(`../../templates/${name}`, import.meta.url);
    ready = engine.compile(readFileSync(url, 'utf8'), { noEscape: true, strict: true });
    compiled.set(name, ready);
  }
  return ready;
}

/** Renders `templates/<name>` with `model`; throws when the model lacks what the template names. */
export function render(name: string, model: object): string {
  return template(name)(model);
}
