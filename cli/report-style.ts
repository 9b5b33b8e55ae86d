// The style sheet of a report: light, dark, paper. Must not need anything from outside.
import { DARK, LIGHT } from '../charts/theme.ts';
import { themeVariables } from './report-figures.ts';

export const REPORT_STYLE: string = `
:root { color-scheme: light dark; ${themeVariables(LIGHT)} }
@media screen and (prefers-color-scheme: dark) { :root { ${themeVariables(DARK)} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--background); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
header, nav, main, footer { max-width: 948px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 32px; }
footer { padding-bottom: 32px; color: var(--muted); font-size: 14px; }
h1 { margin: 0; font-size: 28px; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 40px 0 8px; padding-top: 12px; border-top: 1px solid var(--grid); font-size: 21px; }
h3 { margin: 24px 0 8px; font-size: 17px; }
p { max-width: 72ch; margin: 8px 0; }
.lead { font-size: 18px; }
.muted, figcaption, .caption { color: var(--muted); }
a { color: inherit; }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 12px 0 0; padding: 0; list-style: none; font-size: 14px; }
figure { margin: 16px 0; }
figure > svg, .pair svg { display: block; max-width: 100%; height: auto; }
figcaption, .caption { font-size: 14px; }
.caption { margin: 16px 0 0; max-width: none; }
.pair { display: flex; flex-wrap: wrap; gap: 16px; }
.pair svg { flex: 0 1 440px; min-width: 0; }
.warning { margin: 16px 0; padding: 8px 14px; border: 1px solid var(--colour1); border-left-width: 6px; }
.scroll { margin: 2px 0 16px; overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid var(--grid); text-align: right; vertical-align: baseline; white-space: nowrap; }
th { font-weight: 600; }
th:first-child { text-align: left; }
th.name { white-space: normal; }
.facts th, .facts td { text-align: left; white-space: normal; vertical-align: top; overflow-wrap: anywhere; }
.facts th { min-width: 10em; white-space: nowrap; }
.left { text-align: left; }
.wide table { font-size: 12.5px; }
.wide th, .wide td { padding-right: 6px; }
.best { font-weight: 700; }
.best data { outline: 2px solid var(--text); outline-offset: 3px; }
.mark, .bar { vertical-align: middle; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 4px 0 0; padding: 0; list-style: none; font-size: 14px; }
@media (max-width: 600px) { header, nav, main, footer { padding-left: 14px; padding-right: 14px; } }
@media print {
  @page { margin: 14mm; }
  body { font-size: 10pt; }
  header, nav, main, footer { max-width: none; padding: 0; }
  nav { display: none; }
  h1 { font-size: 18pt; } h2 { font-size: 13pt; margin-top: 18pt; } h3 { font-size: 11pt; } .lead { font-size: 11pt; }
  table, figcaption, .caption { font-size: 8.5pt; }
  .wide table { font-size: 7pt; } .wide th, .wide td { padding-right: 5pt; }
  .scroll { overflow: visible; }
  h2, h3, .caption, p:has(+ .caption) { break-after: avoid; }
  figure, tr, .whole, .warning, .pair svg, .facts { break-inside: avoid; }
  .pair svg { flex-basis: 48%; }
  thead { display: table-header-group; }
  p { orphans: 3; widows: 3; }
  svg, .best data, .warning { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
