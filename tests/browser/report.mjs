// What passed and what failed, a line each. Nothing stops at a failure, so that one run tells all of them.
let passed = 0;
const failed = [];

function fail(name, error) {
  failed.push(name);
  console.log(`FAILED  ${name}\n        ${String(error?.message ?? error).split("\n").slice(0, 12).join("\n        ")}`);
}

/** Runs a check; what it throws is its failure. */
export async function check(name, run) {
  try {
    await run();
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    fail(name, error);
  }
}

/** Runs several checks; what one of them needs and does not find is a failure too. */
export async function suite(run, world) {
  try {
    await run(world);
  } catch (error) {
    fail(run.name, error);
  }
}

/** Prints the sum; how many failed. */
export function sum() {
  for (const name of failed) console.log(`failed: ${name}`);
  console.log(`${passed} passed, ${failed.length} failed`);
  return failed.length;
}

/** Throws unless `fact` holds. */
export function must(fact, words) {
  if (!fact) throw new Error(words);
}

/** Waits until `look` gives something; a busy machine has a minute for it. */
export async function until(words, look, seconds = 60) {
  const end = Date.now() + seconds * 1_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`this did not happen within ${seconds} s: ${words}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
