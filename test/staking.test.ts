// A person stakes: joins a network of three running nodes with a key of its own in a signer process,
// makes blocks, sees how it goes, and leaves again; and what is refused on the way, one line each.
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encodeSecretKey } from "../src/ledger/bitcoin/address.ts";
import { REGTEST } from "../src/ledger/bitcoin/networks.ts";
import { readKeyFile } from "../src/node/stake/key-file.ts";
import type { NodeProcess } from "./support/node-process.ts";
import { lastJson, pando, type Ran } from "./support/run.ts";
import { startSigner } from "./support/signer-process.ts";
import {
  agree,
  makeNetwork,
  startStaked,
  type TestNetwork,
  until,
} from "./support/staked-network.ts";

const SLOT_MS = 600;
const BOND = 2_000_000_000;

interface Status {
  readonly round: number;
  readonly stakers: readonly {
    readonly id: number | null;
    readonly status: string;
    readonly active: boolean;
    readonly produced: number;
    readonly freeslot: number | null;
    readonly slots: readonly { readonly slot: number; readonly time: number }[];
    readonly guard: { readonly state: string; readonly signedRound: number } | null;
  }[];
}

class Person {
  readonly keys: string;
  readonly #network: TestNetwork;
  readonly #node: NodeProcess;

  constructor(network: TestNetwork, node: NodeProcess) {
    this.#network = network;
    this.#node = node;
    this.keys = join(network.folder, "mine", "staker.json");
  }

  stake(...words: readonly string[]): Promise<Ran> {
    const folder = join(this.#network.folder, "node-1");
    const port = String(this.#node.where.rpc.port);
    const [command = "", ...rest] = words;
    const where = ["--network", this.#network.path, "--data-dir", folder, "--rpc-port", port];
    return pando(["stake", command, ...where, ...rest]);
  }

  async refused(code: number, pattern: RegExp, ...words: readonly string[]): Promise<void> {
    const ran = await this.stake(...words);
    assert.match(ran.stderr, pattern);
    assert.equal(ran.stderr.trimEnd().split("\n").length, 1, "one line");
    assert.equal(ran.code, code, ran.stderr);
  }

  async status(): Promise<Status> {
    const ran = await this.stake("status", "--keys", this.keys, "--json");
    assert.equal(ran.code, 0, ran.stderr);
    return lastJson(ran) as unknown as Status;
  }
}

test("a person joins, makes blocks through a signer of its own, and leaves", async (context) => {
  const network = makeNetwork(3, SLOT_MS, { bond: BOND, unbondSlots: 16 });
  const first = await startStaked(context, network, 1, []);
  const second = await startStaked(context, network, 2, ["--addnode", first.peer]);
  const peers = ["--addnode", first.peer, "--addnode", second.peer];
  const third = await startStaked(context, network, 3, peers);
  const person = new Person(network, first);
  const { keys } = person;
  const fund = join(network.folder, "fund.key");
  const wif = encodeSecretKey(network.key.secret, true, REGTEST.address);
  writeFileSync(fund, `${wif}\n`, { mode: 0o600 });
  await until("the chain grows", async () => (await first.rpc<number>("getblockcount")) > 3);

  const joining = ["join", "--keys", keys, "--fund-key", fund];
  await person.refused(2, /name --keys FILE/, "join", "--fund-key", fund);
  await person.refused(
    1,
    /a bond of 19\.99999999 is wrong: this network asks for 20\.0/,
    ...joining,
    "--bond",
    "19.99999999",
  );
  await person.refused(
    2,
    /--bond takes an amount such as 1000 or 1000\.5, not '1e'/,
    ...joining,
    "--bond",
    "1e",
  );
  await person.refused(
    3,
    /a key on the command line is seen by others/,
    "join",
    "--keys",
    keys,
    "--fund-key",
    wif,
  );
  chmodSync(fund, 0o644);
  await person.refused(3, /fund\.key has mode 0644; make it 0600/, ...joining);
  chmodSync(fund, 0o600);
  await person.refused(
    2,
    /nowhere is not an address of this network/,
    ...joining,
    "--payout",
    "nowhere",
  );
  assert.ok(!existsSync(`${keys}.sent`), "nothing was sent");
  await person.refused(
    1,
    /the fund key has 80\.00000000 to spend, \d+\.\d+ are needed/,
    ...joining,
    "--bond",
    "100",
  );
  const dry = await person.stake(...joining, "--dry-run");
  assert.match(dry.stdout, /\n {2}bond {5}20\.00000000 of bcrt1q.*\n(.*\n)*not sent: --dry-run\n/);

  const foreign = join(network.folder, "mine", "foreign.json");
  const outputs = await person.stake("join", "--keys", foreign, "--outputs", "--json");
  assert.equal(outputs.code, 0, outputs.stderr);
  const asked = lastJson(outputs);
  assert.equal(asked["bond"], "20.00000000");
  assert.match(
    String(asked["script"]),
    new RegExp(`^6a4850513101 00ffff01${asked["signkey"]}`.replace(" ", "")),
  );

  const joined = await person.stake(...joining, "--json");
  assert.equal(joined.code, 0, joined.stderr);
  const facts = lastJson(joined);
  assert.equal(facts["bond"], "20.00000000");
  await person.refused(1, /sent already|registered already/, ...joining);
  await until("the chain has its record", async () => (await person.status()).stakers[0]!.id === 4);
  await person.refused(1, /is registered already: staker 4 \((waiting|active)\)/, ...joining);

  const socket = join(network.folder, "mine", "signer.sock");
  const signer = await startSigner(context, keys, socket);
  assert.deepEqual(signer.ready?.["waiting"], [facts["signkey"]], signer.stderr());
  const fourth = await startStaked(context, network, 4, ["--staker-keys", socket, ...peers]);
  const active = await until("it has made blocks", async () => {
    const { round, stakers } = await person.status();
    return stakers[0]!.produced >= 2 ? { round, staker: stakers[0]! } : null;
  });
  assert.ok(active.round >= Number(facts["round"]), "not before it was foretold");
  assert.equal(active.staker.active, true);
  const { guard } = (await person.status()).stakers[0]!;
  assert.equal(guard?.state, "sound");
  assert.ok(guard.signedRound >= Number(facts["round"]));
  // Behind its slot in this round, the next one is known only when the round is nearly over.
  await until("its next slot is known", async () => (await person.status()).stakers[0]!.slots[0]);
  const read = readKeyFile(keys);
  assert.equal(read.ok && read.keys.stakers[0]!.id, 4);
  const text = await person.stake("status", "--keys", keys);
  assert.match(
    text.stdout,
    /^round \d+, slot \d+\nstaker 4: active, has a slot in every round\n {2}weight {3}1 of 4\n/,
  );
  assert.match(text.stdout, /\n {2}guard {4}signed in round \d+, voted in round \d+\n$/);

  await person.refused(1, /unknown staker 9/, "leave", "--keys", keys, "--id", "9");
  await person.refused(
    1,
    /the key of staker 1 is not in .*staker\.json: a foreign key/,
    "leave",
    "--keys",
    keys,
    "--id",
    "1",
  );
  const left = await person.stake("leave", "--keys", keys, "--json");
  assert.equal(left.code, 0, left.stderr);
  assert.equal(lastJson(left)["id"], 4);
  await until("it is no longer active", async () => {
    const [staker] = (await person.status()).stakers;
    return staker!.freeslot !== null && !staker!.active;
  });
  await person.refused(1, /staker 4 (is leaving already|has left)/, "leave", "--keys", keys);
  await until(
    "its bond is free",
    async () => (await person.status()).stakers[0]!.status === "free",
  );
  await person.refused(1, /every key in .* has been a staker's: name a new file/, ...joining);

  const home = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
  await person.refused(
    2,
    /nowhere is not an address/,
    "withdraw",
    "--keys",
    keys,
    "--to",
    "nowhere",
  );
  const withdrawn = await person.stake("withdraw", "--keys", keys, "--to", home, "--json");
  assert.equal(withdrawn.code, 0, withdrawn.stderr);
  const [payment] = lastJson(withdrawn)["sent"] as [{ txid: string; value: string }];
  assert.ok(Number(payment.value) >= BOND / 1e8, "the bond came back");
  await until("it is confirmed", async () => {
    const output = await third.rpc<{ confirmations: number } | null>(
      "gettxout",
      payment.txid,
      0,
      false,
    );
    return (output?.confirmations ?? 0) > 0;
  });

  assert.ok(await agree([first, second, third, fourth], 1));
  for (const node of [first, second, third, fourth]) {
    assert.equal((await node.stop()).code, 0, node.stderr);
    for (const secret of secretsOf(keys)) assert.ok(!node.stderr.includes(secret));
  }
  signer.child.kill("SIGTERM");
  assert.deepEqual(await signer.ended, { code: 0, signal: null });
});

function secretsOf(path: string): string[] {
  return readFileSync(path, "utf8").match(/[0-9a-f]{64}/g) ?? [];
}
