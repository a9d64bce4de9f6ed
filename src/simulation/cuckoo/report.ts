// One HTML page from a reproduction: charts inside, nothing fetched, no script; it tells the story to a
// person who must choose a rule and its parameters.
import { escapeXml, svg } from "../picture/svg.ts";
import { scenesOf } from "./charts.ts";
import { type Check, isGate, type Table } from "./experiments/experiment.ts";
import type { Reproduced } from "./experiments/reproduce.ts";

const STYLE = `
body{font:16px/1.55 Georgia,serif;color:#222;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1,h2,h3,table{font-family:Helvetica,Arial,sans-serif}
h2{margin-top:2.5rem;border-bottom:1px solid #ccc}
table{border-collapse:collapse;font-size:13px;margin:1rem 0;display:block;overflow-x:auto}
th,td{padding:.2rem .6rem;border-bottom:1px solid #e6e6e6;text-align:right}
th:first-child,td:first-child{text-align:left}
caption{text-align:left;font-weight:bold;padding:.3rem 0}
svg{max-width:100%;height:auto}
.pass{color:#157a2c}.fail{color:#b00020}.beside{color:#666}
.verdict{background:#f4f6f8;padding:.6rem 1rem;border-left:4px solid #4477aa}
`;

const INTRODUCTION = `
<p>When a network is split into committees, every share of stake sits in one of them. An adversary who
may leave and join again will in time own one, unless the others are moved too. This page shows, by
experiments that anyone can repeat, how fast that happens under the rules in use, and what it costs to
prevent it.</p>
<p class="verdict"><b>In short.</b> The <i>bounded</i> rule, of which most articles tell, moves a
constant number of members out of each committee. It protects against a passive adversary and against
churn that stays small. It is killed by shares that rejoin in batches out of the committee they hold
least of (X7), by knocking honest members out of one committee (X10), and by two bits of choice in the
randomness (X11). <i>Swap</i> moves members in proportion to the churn and deals all of them evenly:
with the same number of moves it lives 2.5 to 40 times longer, its committees stay equal in size, and
its risk can be computed before a network is launched (X6). What it costs is movement that grows with
churn, hence a cap on churn. No bounded rule survives a biased beacon, nor an adversary who corrupts
members sooner than they move on.</p>
<p>Marks: <b>A</b> exact arithmetic; <b>B</b> simulated by two independently written programs that
agreed; <b>C</b> read off a published figure; <b>D</b> published, but its source was not seen. Only A
and B are gates; C and D are printed beside our value.</p>
`;

function tableHtml(table: Table): string {
  const row = (cells: readonly string[], tag: "th" | "td") =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeXml(cell)}</${tag}>`).join("")}</tr>`;
  const body = table.rows.map((cells) => row(cells, "td")).join("\n");
  return `<table><caption>${escapeXml(table.title)}</caption>\n${row(table.columns, "th")}\n${body}</table>`;
}

function checkClass(one: Check): string {
  if (!isGate(one)) return "beside";
  return one.pass ? "pass" : "fail";
}

function number(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}

function checksHtml(checks: readonly Check[]): string {
  const rows = checks.map((one) => {
    const word = isGate(one) ? (one.pass ? "within" : "OUTSIDE") : one.pass ? "near" : "differs";
    const band = `${number(one.low)} … ${number(one.high)}`;
    const cells = [one.id, one.mark, number(one.reference), band, number(one.got), word];
    const html = cells.map((cell) => `<td>${escapeXml(cell)}</td>`).join("");
    return `<tr class="${checkClass(one)}">${html}</tr>`;
  });
  const head = ["check", "mark", "reference", "band", "ours", ""];
  return `<details><summary>${checks.length} checks</summary><table><tr>${head
    .map((cell) => `<th>${cell}</th>`)
    .join("")}</tr>\n${rows.join("\n")}</table></details>`;
}

function sectionHtml({ experiment, outcome, seconds }: Reproduced): string {
  const gates = outcome.checks.filter(isGate);
  const failed = gates.filter((one) => !one.pass).length;
  const verdict =
    failed === 0
      ? `<span class="pass">all ${gates.length} gates passed</span>`
      : `<span class="fail">${failed} of ${gates.length} gates failed</span>`;
  const charts = scenesOf(outcome.series, experiment.title).map(({ scene }) => svg(scene));
  return [
    `<h2 id="${experiment.id}">${experiment.id}. ${escapeXml(experiment.title)}</h2>`,
    `<p>${escapeXml(experiment.story)}</p>`,
    `<p>${verdict}, ${seconds.toFixed(1)} s.</p>`,
    ...charts,
    ...outcome.tables.filter((table) => table.rows.length > 0).map(tableHtml),
    ...outcome.notes.map((note) => `<p>${escapeXml(note)}</p>`),
    checksHtml(outcome.checks),
  ].join("\n");
}

/** The whole report. */
export function reportHtml(reproduced: readonly Reproduced[], subtitle: string): string {
  const contents = reproduced
    .map(({ experiment }) => {
      const title = escapeXml(experiment.title);
      return `<li><a href="#${experiment.id}">${experiment.id}</a> ${title}</li>`;
    })
    .join("\n");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Resharding: the cuckoo rules and what breaks them</title><style>${STYLE}</style></head><body>
<h1>Resharding: the cuckoo rules and what breaks them</h1>
<p>${escapeXml(subtitle)}</p>
${INTRODUCTION}
<ul>${contents}</ul>
${reproduced.map(sectionHtml).join("\n")}
</body></html>
`;
}
