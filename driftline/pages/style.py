"""How a page looks: inline, no script, light and dark by the reader's own setting, fit to be printed."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5a6675; --line: #d8dee6; --back: #ffffff; --card: #f6f8fa;
  --good: #0b6e4f; --warn: #9a5b00; --bad: #b00020; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9f0; --soft: #9aa7b6; --line: #36404d; --back: #14191f;
  --card: #1c232c; --good: #4cc38a; --warn: #f0b45a; --bad: #ff7b87; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 68rem; background: var(--back); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
p { margin: .4rem 0; max-width: 60rem; }
p.lead, figcaption, caption { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; font-size: 14px; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { padding: .28rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
ul.findings { list-style: none; padding: 0; margin: .6rem 0; }
ul.findings li { background: var(--card); border-left: 4px solid var(--line); margin: .35rem 0; padding: .45rem .8rem; }
ul.findings li.bad { border-color: var(--bad); }
ul.findings li.warn { border-color: var(--warn); }
ul.findings li.good { border-color: var(--good); }
pre { background: var(--card); padding: .8rem 1rem; overflow-x: auto; border-radius: 4px; font-size: 13px; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; }
@media print { body { max-width: none; padding: 0; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""
