// The pictures of one run: the fork diagram, the changing topology, height and power over time.
// From a recording to scenes, and from scenes to SVG and PNG, the same bytes everywhere.
import { png } from "../picture/png.ts";
import type { Scene } from "../picture/scene.ts";
import { svg } from "../picture/svg.ts";
import type { PowerConfig } from "./config.ts";
import { forkDiagram } from "./fork-diagram.ts";
import { forkLanes } from "./fork-lanes.ts";
import { goldenLanes } from "./golden.ts";
import { Recording } from "./recording.ts";
import { runSeed } from "./run.ts";
import { timeline } from "./timeline.ts";
import { topology } from "./topology.ts";

export interface Picture {
  readonly name: string;
  readonly svg: string;
  readonly png: Uint8Array;
}

function picture(name: string, scene: Scene): Picture {
  return { name, svg: svg(scene), png: png(scene) };
}

/** Draws the first run of a sweep. */
export function drawRun(config: PowerConfig, seed: number): Picture[] {
  const recording = new Recording();
  runSeed(config, seed, recording);
  const title = `Arm ${config.arm}, ${config.nodes} nodes, seed ${seed}`;
  return [
    picture("forks", forkDiagram(`${title}: the longest fork`, forkLanes(recording))),
    picture("topology", topology(title, recording)),
    picture("power", timeline(title, recording)),
  ];
}

/** Draws the golden power trace. */
export function drawGolden(): Picture[] {
  const title = "Power after each block: 3/5 for C9, 2/5 for B8";
  return [picture("golden", forkDiagram(title, goldenLanes()))];
}
