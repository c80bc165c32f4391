/**
 * The page in a real browser: evidence by pointer and by keyboard, filters, names for screen
 * readers, contrast in light and dark, and print. SONDE_SCREENSHOTS names a folder for pictures.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { workspaceRoot } from '../surroundings.js';
import { readMatrix } from '../matrix.js';
import { foldMatrix, type Compatibility } from './compatibility.js';
import { exampleCell } from './example.js';
import { compatibilityHtml } from './html.js';

t.setTimeout(120_000);

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
/** WCAG 2, level AA, for text of this size. */
const CONTRAST_MINIMUM = 4.5;

const executablePath = BROWSERS.find(existsSync);
if (executablePath === undefined) throw new Error('open the page: no chromium; run npm test');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
t.teardown(() => browser.close());

const example = foldMatrix(
  readMatrix(),
  [
    exampleCell([
      { name: 'sound', seen: true },
      { name: 'large', loaded: false },
    ]),
    exampleCell([{ name: 'sound', seen: true }, { name: 'large' }], { cell: '6.12-arm64' }),
  ],
  undefined,
);

async function open(test: Test, report: Compatibility, dark = false): Promise<Page> {
  const colorScheme = dark ? 'dark' : 'light';
  const context = await browser.newContext({
    colorScheme,
    viewport: { width: 1280, height: 900 },
    offline: true,
  });
  test.teardown(() => context.close());
  const page = await context.newPage();
  page.on('pageerror', error => test.fail(`script: ${error.message}`));
  page.on('request', request => {
    if (!request.url().startsWith('data:')) test.fail(`fetched ${request.url()}`);
  });
  await page.setContent(compatibilityHtml(report));
  return page;
}

/** Run by the browser: the worst contrast of any text of the page with what lies behind it. */
const WORST_CONTRAST = `(() => {
  const numbers = color => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r = 0, g = 0, b = 0]) => {
    const [x, y, z] = [r, g, b].map(value => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = from => {
    for (let at = from; at !== null; at = at.parentElement) {
      const color = numbers(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const all = [...document.querySelectorAll('td .word, th, q, p, .counts li, summary, label')];
  return Math.min(...all.map(each => {
    const pair = [numbers(getComputedStyle(each).color), behind(each)].map(light);
    const [low, high] = pair.sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }));
})()`;

/** Run by the browser: controls without a name, tables without a caption, heads without scope. */
const NAMELESS = `(() => {
  const unnamed = [...document.querySelectorAll('select, button')].filter(
    each => (each.textContent + (each.closest('label')?.textContent ?? '')).trim() === '',
  );
  const tables = [...document.querySelectorAll('table')].filter(each => each.caption === null);
  return unnamed.length + tables.length + document.querySelectorAll('th:not([scope])').length;
})()`;

t.test('evidence comes with the pointer and with the keyboard, and goes with Escape', async t => {
  const page = await open(t, example);
  const failed = page.locator('td.failed button').first();
  await failed.hover();
  const evidence = page.locator('#evidence');
  t.match(await evidence.innerText(), /point by large in 5\.10-amd64: failed[^]*too large/);
  await page.keyboard.press('Escape');
  t.notOk(await evidence.isVisible());
  await failed.focus();
  t.ok(await evidence.isVisible());
  t.equal(await failed.getAttribute('aria-describedby'), 'evidence');
  const box = await evidence.boundingBox();
  t.ok(box !== null && box.x >= 0 && box.x + box.width <= 1280, 'it lies within the window');
});

t.test('filters leave what was asked for', async t => {
  const page = await open(t, example);
  const visible = () => page.locator('td:visible').count();
  const all = await visible();
  await page.selectOption('#arch', 'arm64');
  t.equal(await page.locator('td[data-arch=amd64]:visible').count(), 0);
  t.equal(await visible(), all / 2);
  t.equal(await page.locator('.reasons li:visible').count(), 0, 'reasons of amd64 are gone too');
  await page.selectOption('#state', 'failed');
  t.equal(await page.locator('tbody tr:visible').count(), 0, 'nothing failed on arm64');
  await page.selectOption('#arch', '');
  t.equal(await page.locator('td.failed:not(.dim):visible').count(), 2);
  await page.click('button[type=reset]');
  await page.waitForFunction(`document.querySelectorAll('td:not([hidden])').length >= ${all}`);
  t.equal(await visible(), all);
  await page.selectOption('#release', '1.26');
  t.equal(await page.locator('tr[data-release]:visible').count(), 1);
});

t.test('every control has a name, every table a caption, and heads have scopes', async t => {
  const page = await open(t, example);
  t.equal(await page.evaluate(NAMELESS), 0);
});

for (const scheme of ['light', 'dark'] as const) {
  t.test(`${scheme}: text can be read`, async t => {
    const page = await open(t, example, scheme === 'dark');
    t.ok(
      (await page.evaluate<number>(WORST_CONTRAST)) >= CONTRAST_MINIMUM,
      `${await page.evaluate<number>(WORST_CONTRAST)}`,
    );
  });
}

t.test('print has every table and no control', async t => {
  const page = await open(t, example, true);
  await page.emulateMedia({ media: 'print' });
  t.notOk(await page.locator('form').isVisible());
  t.equal(await page.locator('table:visible').count(), 3);
  t.ok((await page.evaluate<number>(WORST_CONTRAST)) >= CONTRAST_MINIMUM);
  const pdf = await page.pdf({ preferCSSPageSize: true });
  t.equal(pdf.subarray(0, 5).toString(), '%PDF-');
});

const pictures = process.env['SONDE_SCREENSHOTS'];
if (pictures !== undefined) {
  const record = join(workspaceRoot, 'docs/compatibility.json');
  const report = existsSync(record)
    ? (JSON.parse(readFileSync(record, 'utf8')) as Compatibility)
    : example;
  t.test('pictures of the record', async t => {
    for (const dark of [false, true]) {
      const page = await open(t, report, dark);
      const cell = page.locator('td.failed button, td.seen button').first();
      await cell.focus();
      await page.screenshot({ path: join(pictures, dark ? 'dark.png' : 'light.png') });
      await page.screenshot({
        path: join(pictures, `${dark ? 'dark' : 'light'}-all.png`),
        fullPage: true,
      });
      if (dark) continue;
      writeFileSync(join(pictures, 'print.pdf'), await page.pdf({ preferCSSPageSize: true }));
    }
    t.ok(existsSync(join(pictures, 'dark.png')));
  });
}
