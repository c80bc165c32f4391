/**
 * A suite's results as JUnit XML, for CI services that show tests by name.
 *
 * The facts readers get wrong: only leaves are test cases, as in the counts of `npm test`; and XML
 * 1.0 has no way at all to write most control characters, so a program's output loses them.
 */
import { Parser } from 'tap-parser';
import { COMPARED } from '../kit/compared.js';
import type { SuiteVerdict } from './verdict.js';

/** One test case: a leaf assertion of the TAP output. */
interface Case {
  readonly name: string;
  readonly path: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly detail: string;
}

const FORBIDDEN = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
};

function escaped(text: string): string {
  return text.replaceAll(FORBIDDEN, '').replaceAll(/[&<>"\n]/g, found => ENTITIES[found] ?? found);
}

function tag(name: string, attributes: Readonly<Record<string, string | number>>): string {
  const pairs = Object.entries(attributes).map(([key, v]) => ` ${key}="${escaped(String(v))}"`);
  return `${name}${pairs.join('')}`;
}

function readCases(lines: readonly string[]): Case[] {
  const cases: Case[] = [];
  const parser = new Parser();
  for (const event of ['pass', 'fail', 'skip', 'todo'] as const) {
    parser.on(event, result => {
      const outcome = event === 'pass' ? 'passed' : event === 'fail' ? 'failed' : 'skipped';
      const diagnostics = result.diag ? JSON.stringify(result.diag, undefined, 2) : '';
      const reason = String(result.skip || result.todo || '');
      const detail = outcome === 'failed' ? diagnostics : reason === 'true' ? '' : reason;
      cases.push({ name: result.name || '(unnamed)', path: result.fullname, outcome, detail });
    });
  }
  parser.end(`${lines.filter(line => !COMPARED.test(line)).join('\n')}\n`);
  return cases;
}

function caseXml(verdict: SuiteVerdict, { name, path, outcome, detail }: Case): string {
  const place = `${verdict.suite}.${verdict.cell}`;
  const classname = path === '' ? place : `${place}.${path}`;
  const open = tag('testcase', { classname, name });
  if (outcome === 'passed') return `  <${open}/>`;
  const why =
    outcome === 'skipped'
      ? `<${tag('skipped', { message: detail })}/>`
      : `<${tag('failure', { message: name })}>${escaped(detail)}</failure>`;
  return `  <${open}>${why}</testcase>`;
}

/**
 * Returns the XML document of one suite in one place. What the verdict objects to beside failed
 * assertions, such as a guest that died, is a failed case of its own.
 */
export function junitXml(verdict: SuiteVerdict, lines: readonly string[]): string {
  const beside = verdict.reasons.filter(reason => !reason.startsWith('not ok: '));
  const cases = [
    ...readCases(lines),
    ...beside.map(reason => ({
      ...{ name: 'the suite', path: '', outcome: 'failed' as const },
      detail: reason,
    })),
  ];
  const count = (outcome: Case['outcome']): number =>
    cases.filter(each => each.outcome === outcome).length;
  const suite = tag('testsuite', {
    name: `${verdict.suite} in ${verdict.cell}`,
    tests: cases.length,
    failures: count('failed'),
    errors: 0,
    skipped: count('skipped'),
  });
  const body = cases.map(each => caseXml(verdict, each));
  return ['<?xml version="1.0" encoding="UTF-8"?>', `<${suite}>`, ...body, '</testsuite>', ''].join(
    '\n',
  );
}
