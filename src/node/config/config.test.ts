import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { configSchema, configText, originText } from "./print.ts";
import { resolveConfig, type Sources } from "./resolve.ts";
import { OPTION_NAMES, optionOf } from "./schema.ts";
import { readSecretFile } from "./secret-file.ts";
import { parseBoolean, parseBytes, parseDuration } from "./units.ts";

function resolve(given: {
  flags?: Record<string, string[]>;
  environment?: Sources["environment"];
  file?: string;
}) {
  return resolveConfig({
    flags: new Map(Object.entries(given.flags ?? {})),
    environment: given.environment ?? {},
    file: given.file ?? null,
  });
}

test("flags over environment over the network's part over the file over defaults", () => {
  const file =
    '[node]\nnetwork = "regtest"\n[rpc]\nport = 1\n[regtest.rpc]\nport = 2\n[main.rpc]\nport = 9\n';
  const environment = { PANDO__RPC__PORT: "3" };
  const flags = { "rpc-port": ["4"] };
  const port = (given: Parameters<typeof resolve>[0]) => {
    const { config, origins, faults } = resolve(given);
    assert.deepEqual(faults, []);
    return `${config.rpcPort} ${originText(origins.rpcPort)}`;
  };
  assert.equal(port({}), "-1 default");
  assert.equal(port({ file: "[rpc]\nport = 1\n" }), "1 file rpc.port");
  assert.equal(port({ file }), "2 file regtest.rpc.port");
  assert.equal(port({ file, environment }), "3 environment PANDO__RPC__PORT");
  assert.equal(port({ file, environment, flags }), "4 flag --rpc-port");
  assert.equal(port({ file, flags: { network: ["main"] } }), "9 file main.rpc.port");
});

test("unknown names are errors with a suggestion, and all of them are told", () => {
  const { faults } = resolve({
    file: "[rpc]\nprot = 1\nconnect = []\n[p2q]\nport = 1\n[regtst.rpc]\nport = 1\n",
    environment: { PANDO__RPC__PROT: "1" },
    flags: { "rpc-prot": ["1"] },
  });
  assert.deepEqual(faults, [
    "file: rpc.prot is unknown (did you mean rpc.port?)",
    "file: rpc.connect is unknown (did you mean p2p.connect?)",
    "file: [p2q] is no section (did you mean p2p?)",
    "file: [regtst] is no section (did you mean regtest?)",
    "environment: PANDO__RPC__PROT is unknown (did you mean PANDO__RPC__PORT?)",
    "--rpc-prot is unknown (did you mean rpc-port?)",
  ]);
});

test("what Kubernetes puts into the environment is listed and not read", () => {
  const { faults, ignored } = resolve({
    environment: { PANDO_PORT: "tcp://10.0.0.1:8332", PANDO_SERVICE_HOST: "10.0.0.1", HOME: "/" },
  });
  assert.deepEqual(faults, []);
  assert.deepEqual(ignored, ["PANDO_PORT", "PANDO_SERVICE_HOST"]);
});

test("values are checked by type, in every source", () => {
  const { faults } = resolve({
    file: '[rpc]\nport = "8332"\n[p2p]\nlisten = 1\nconnect = "a"\n[node]\nmemory = 4\nnetwork = "mian"\n',
    environment: { PANDO__REST__ENABLED: "maybe" },
    flags: { "ops-port": ["99999"] },
  });
  assert.equal(faults.length, 7);
  assert.match(faults.join("\n"), /node\.network is one of main.*did you mean main/);
  assert.match(faults.join("\n"), /PANDO__REST__ENABLED is true or false, not "maybe"/);
  assert.match(faults.join("\n"), /--ops-port is a whole number from -1 to 65535/);
  assert.match(resolve({ file: "[rpc\n" }).faults[0]!, /^file: Invalid TOML/);
});

test("units are read, and nothing without one", () => {
  assert.equal(parseBytes("4GiB"), 4 * 2 ** 30);
  assert.equal(parseBytes("1.5 MB"), 1_500_000);
  for (const wrong of ["4", "4gib", "-1MB", "GiB", "1e9B"]) assert.equal(parseBytes(wrong), null);
  assert.equal(parseDuration("250ms"), 250);
  assert.equal(parseDuration("2min"), 120_000);
  assert.equal(parseDuration("2m"), null);
  assert.equal(parseBoolean("OFF"), false);
  assert.equal(parseBoolean(""), null);
});

test("what is printed gives the same configuration again", () => {
  const port = fc.integer({ min: 0, max: 65_535 });
  fc.assert(
    fc.property(
      port,
      fc.boolean(),
      fc.array(fc.stringMatching(/^[a-z]{1,9}:\d{1,4}$/)),
      (p, rest, connect) => {
        const first = resolve({
          flags: { "rpc-port": [String(p)], rest: [String(rest)], connect, network: ["regtest"] },
        });
        assert.deepEqual(first.faults, []);
        const again = resolve({ file: configText(first, true) });
        assert.deepEqual(again.faults, []);
        assert.deepEqual(again.config, first.config);
      },
    ),
    { numRuns: 200 },
  );
});

test("names do not clash, and the schema has every option", () => {
  const flags = OPTION_NAMES.map((name) => optionOf(name).flag);
  assert.equal(new Set(flags).size, flags.length);
  assert.ok(flags.length <= 30, `${flags.length} options`);
  const text = JSON.stringify(configSchema());
  for (const flag of flags) assert.ok(text.includes(`--${flag},`), flag);
  for (const name of OPTION_NAMES) assert.doesNotMatch(name, /password|secret|key$/i);
});

test("a secret that others may read is refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "pando-secret-"));
  try {
    const path = join(folder, "users");
    writeFileSync(path, "a:b$c", { mode: 0o600 });
    assert.deepEqual(readSecretFile(path), { ok: true, text: "a:b$c" });
    chmodSync(path, 0o644);
    const refused = readSecretFile(path);
    assert.ok(!refused.ok && /mode 0644; make it 0600/.test(refused.why));
    assert.ok(!readSecretFile(join(folder, "none")).ok);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
