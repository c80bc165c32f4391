/**
 * The script of the compatibility page: filters, and the evidence of a cell. The fact readers get
 * wrong: it runs in a browser, as text of the page; evidence is set as text, never as markup.
 */

/** Filters rows and columns; shows what `data-evidence` holds under the pointer or the focus. */
export const PAGE_SCRIPT = `
'use strict';
(() => {
  const box = document.getElementById('evidence');
  const form = document.querySelector('form');
  const value = id => document.getElementById(id).value;
  const show = button => {
    const [title, ...lines] = button.dataset.evidence.split('\\n');
    const head = document.createElement('b');
    head.textContent = title;
    box.replaceChildren(head, lines.join('\\n'));
    box.hidden = false;
    button.setAttribute('aria-describedby', 'evidence');
    const at = button.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = box;
    const below = at.bottom + 6 + height < innerHeight;
    box.style.left = Math.max(8, Math.min(at.left, innerWidth - width - 8)) + 'px';
    box.style.top = (below ? at.bottom + 6 : Math.max(8, at.top - height - 6)) + 'px';
  };
  const hide = () => {
    box.hidden = true;
    document.querySelector('[aria-describedby]')?.removeAttribute('aria-describedby');
  };
  const onCell = (type, act) => document.addEventListener(type, event => {
    const button = event.target.closest?.('td button');
    if (button) act(button);
  });
  onCell('mouseover', button => { hide(); show(button); });
  onCell('focusin', button => { hide(); show(button); });
  onCell('mouseout', hide);
  onCell('focusout', hide);
  document.addEventListener('keydown', event => { if (event.key === 'Escape') hide(); });
  document.addEventListener('scroll', hide, true);
  const filter = () => {
    const [probe, kernel, arch, release, state] =
      ['probe', 'kernel', 'arch', 'release', 'state'].map(value);
    const out = column => (kernel && column.kernel && column.kernel !== kernel) ||
      (arch && column.arch && column.arch !== arch);
    let shown = 0;
    for (const section of document.querySelectorAll('section')) {
      section.hidden = probe !== '' && section.dataset.probe !== probe;
      for (const head of section.querySelectorAll('thead [data-kernel]')) {
        head.hidden = !!out(head.dataset);
      }
      for (const head of section.querySelectorAll('th[scope=colgroup]')) {
        const below = [...head.closest('thead').querySelectorAll('th[scope=col][data-kernel]')]
          .filter(each => each.dataset.kernel === head.dataset.kernel && !each.hidden);
        head.hidden = below.length === 0;
        head.colSpan = Math.max(1, below.length);
      }
      for (const row of section.querySelectorAll('tbody tr')) {
        let match = 0;
        for (const cell of row.querySelectorAll('td')) {
          cell.hidden = !!out(cell.dataset);
          const fits = !cell.hidden && (!state || cell.dataset.state === state);
          cell.classList.toggle('dim', !fits);
          if (fits) match++;
        }
        const other = release && row.dataset.release && row.dataset.release !== release;
        row.hidden = !!other || match === 0;
        if (!row.hidden && !section.hidden) shown += match;
      }
      const items = [...section.querySelectorAll('.reasons li')];
      for (const item of items) {
        const fits = item.dataset.cells.split(' ').some(cell =>
          (!kernel || cell.startsWith(kernel + '-')) && (!arch || cell.endsWith('-' + arch)));
        item.hidden = !fits || (state !== '' && !item.classList.contains(state));
      }
      const list = section.querySelector('details');
      if (list) list.hidden = items.every(item => item.hidden);
      for (const part of section.querySelectorAll('.scroll')) {
        part.hidden = ![...part.querySelectorAll('tbody tr')].some(row => !row.hidden);
      }
    }
    form.querySelector('output').textContent = shown + ' verdicts shown';
  };
  form.addEventListener('change', filter);
  form.addEventListener('reset', () => setTimeout(filter));
  form.addEventListener('submit', event => event.preventDefault());
  filter();
})();
`;
