// `bench memory`: how much a node takes of the --memory it is given while its coins outgrow it: a
// chain whose transactions make fifty coins of one, imported under several budgets.
import { fine } from "../measure.ts";
import { chainFile, runImport } from "./import-run.ts";

/** `quick`: few coins and one budget, to see that it runs. */
export async function run({ quick }: { quick: boolean }): Promise<Record<string, number | string>> {
  const transactions = quick ? 20 : 500;
  const shape = { transactions, inputs: 1, outputs: 50, kind: "p2wpkh" } as const;
  const { path, tip } = await chainFile({ ...shape, blocks: quick ? 10 : 150 });
  const result: Record<string, number | string> = {};
  for (const memory of quick ? [448] : [448, 512, 1024]) {
    const one = await runImport(path, { memory, assumeValid: tip.hash });
    result["coins"] = one.coins;
    result[`at${memory}ResidentMB`] = Math.round(one.residentMB);
    result[`at${memory}AnonymousMB`] = Math.round(one.anonymousMB);
    result[`at${memory}AnonymousToBudget`] = fine(one.anonymousMB / memory);
    result[`at${memory}Seconds`] = fine(one.seconds);
  }
  return result;
}
