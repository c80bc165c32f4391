/**
 * The style of the compatibility page. The fact readers get wrong: a state is never colour alone;
 * each has a mark and a word, so that print, and eyes that see no red, lose nothing.
 */

/** CSS of the page: light, dark, print. */
export const PAGE_STYLE = `
:root{--bg:#fbfbfa;--card:#fff;--ink:#1d2125;--soft:#5a626b;--line:#dcdfe3;--head:#f2f3f4;
--seen:#116b3a;--seen-bg:#e3f4ea;--attached:#1d5c9c;--attached-bg:#e5f0fb;
--absent:#5f666e;--absent-bg:transparent;--failed:#a3161f;--failed-bg:#fde4e4;--focus:#0b63ce}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1b1f23;--ink:#e6e9ec;--soft:#a3acb5;
--line:#343a41;--head:#23282d;--seen:#7fd8a4;--seen-bg:#14331f;--attached:#8cc0f5;
--attached-bg:#152c43;--absent:#98a1aa;--absent-bg:transparent;--failed:#ff9d9d;
--failed-bg:#4a191c;--focus:#7db7ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,"Segoe UI","DejaVu Sans",sans-serif}
h1{font-size:1.7rem;margin:0 0 .3rem}h2{font-size:1.25rem;margin:2.4rem 0 .2rem}
p{margin:.2rem 0 .8rem;max-width:60rem;color:var(--soft)}p b{color:var(--ink)}
code{font:13px ui-monospace,"DejaVu Sans Mono",monospace}
.counts{display:flex;flex-wrap:wrap;gap:.6rem;list-style:none;padding:0;margin:.8rem 0}
.counts li{border:1px solid var(--line);border-radius:.5rem;padding:.4rem .8rem;
background:var(--card)}
.counts .mark{margin-right:.4rem}
.counts b{font-size:1.15rem;font-variant-numeric:tabular-nums}
.filters{position:sticky;top:0;z-index:3;display:flex;flex-wrap:wrap;gap:.5rem 1rem;
align-items:center;padding:.7rem 0;background:var(--bg);border-bottom:1px solid var(--line)}
.filters label{font-size:.85rem;color:var(--soft)}
select,.filters button{font:inherit;font-size:.9rem;color:var(--ink);background:var(--card);
padding:.2rem .5rem;
border:1px solid var(--line);border-radius:.35rem}
output{font-size:.85rem;color:var(--soft)}
.scroll{overflow-x:auto;margin:.9rem 0;border:1px solid var(--line);border-radius:.5rem;
background:var(--card)}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:.88rem;
table-layout:fixed;min-width:60rem}
thead tr:first-child th:first-child{width:20rem}
caption{text-align:left;font-weight:600;padding:.55rem .7rem}
thead th{background:var(--head);font-weight:600;border-top:1px solid var(--line)}
th,td{border-bottom:1px solid var(--line);border-left:1px solid var(--line);text-align:center;
padding:0;height:1.9rem;overflow-wrap:anywhere}
tbody tr:last-child>*{border-bottom:0}
th[scope=row],thead tr:first-child th:first-child{
text-align:left;padding:.1rem .7rem;border-left:0;
position:sticky;left:0;background:var(--card);
font-weight:400;z-index:1}
thead tr:first-child th:first-child{background:var(--head);font-weight:600}
thead th{padding:.1rem .5rem}
.point{color:var(--soft)}.point::after{content:" ›"}
td button{all:unset;box-sizing:border-box;display:flex;
gap:.35rem;align-items:center;justify-content:center;
width:100%;min-height:1.9rem;padding:0 .5rem;cursor:help;font-variant-numeric:tabular-nums}
td button:focus-visible,select:focus-visible,.filters button:focus-visible,
.scroll:focus-visible,summary:focus-visible{outline:2px solid var(--focus);outline-offset:-2px}
td button:hover{box-shadow:inset 0 0 0 1px currentColor}
.seen{color:var(--seen)}.attached{color:var(--attached)}.absent{color:var(--absent)}
.failed{color:var(--failed)}.none{color:var(--soft)}
td.seen{background:var(--seen-bg)}td.attached{background:var(--attached-bg)}
td.failed{background:var(--failed-bg);font-weight:600}
td.dim{opacity:.18}
[hidden]{display:none!important}
details{margin:.4rem 0 .9rem}summary{cursor:pointer;color:var(--soft);font-size:.9rem}
.reasons{margin:.4rem 0;padding-left:1.2rem;font-size:.88rem}
.reasons li{margin:.35rem 0;color:var(--ink)}.reasons li.failed strong{color:var(--failed)}
.reasons q{color:var(--soft);quotes:none;overflow-wrap:anywhere}
.where{color:var(--soft);font-size:.82rem}.where a{color:var(--focus)}
#evidence{position:fixed;z-index:9;max-width:30rem;padding:.6rem .8rem;border-radius:.5rem;
background:var(--ink);color:var(--bg);font-size:.85rem;white-space:pre-line;
overflow-wrap:anywhere;box-shadow:0 6px 24px rgba(0,0,0,.3);pointer-events:none}
#evidence b{display:block}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#333;--line:#999;--head:#eee;
--seen:#064d27;--seen-bg:#fff;--attached:#0d3c6b;--attached-bg:#fff;--absent:#444;
--failed:#900;--failed-bg:#f3d9d9}
@page{size:A4 landscape;margin:12mm}
body{max-width:none;padding:0;font-size:10pt}.filters,#evidence{display:none}
.scroll{overflow:visible;border-radius:0}.scroll~.scroll{break-inside:avoid}
h2,caption,summary{break-after:avoid}
thead{display:table-header-group}tr,li{break-inside:avoid}.where a{color:inherit}
table{font-size:8pt;min-width:0}thead tr:first-child th:first-child{width:30%}
th,td,td button{height:auto;min-height:0}th[scope=row]{position:static}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
