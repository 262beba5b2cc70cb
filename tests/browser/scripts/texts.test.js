import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import ts from "typescript";
import { answered, learn, t, tn } from "../../../peerstor/web/static/texts.js";

const SCRIPTS = new URL("../../../peerstor/web/static/", import.meta.url);

/** Calls whose strings are looked up, and those whose strings are for machines. */
const LOOKED_UP = ["t", "tn"];
const OF_MACHINES = ["querySelector", "querySelectorAll", "closest", "matches", "find", "error"];

const WORDS = /[a-z]{2,}[,:;]? [a-z]{2,}|[A-Z][a-z]+ [a-z]+|^\W*[A-Z][a-z]+\W*$|^ [a-z]+|[a-z] $|[a-z][.…?!]$/;
const NO_WORDS = [
  ...["Accept", "ArrowDown", "ArrowUp", "Delete", "End", "Enter", "Escape", "Files", "Home"],
  "The page has no ", // defects of ours, for the console
  ".renaming, .menu:popover-open, dialog[open], #listing:active",
];

/**
 * Give the strings of a script that look like words and aren't looked up.
 *
 * @param {string} source
 */
function bare(source) {
  const found = /** @type {string[]} */ ([]);
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isImportDeclaration(node)) {
      return;
    }
    if (ts.isCallExpression(node)) {
      const name = ts.isPropertyAccessExpression(node.expression)
        ? node.expression.name.text
        : node.expression.getText();
      if (LOOKED_UP.includes(name)) {
        node.arguments.slice(name === "tn" ? 2 : 1).forEach(visit);
        return;
      }
      if (OF_MACHINES.includes(name)) {
        return;
      }
    }
    const piece =
      ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
    if (piece && WORDS.test(node.text) && !NO_WORDS.includes(node.text)) {
      found.push(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("script.js", source, ts.ScriptTarget.ES2022, true));
  return found;
}

test("All that a script says is looked up.", () => {
  const names = readdirSync(SCRIPTS).filter((name) => name.endsWith(".js"));
  for (const name of names) {
    assert.deepEqual(bare(readFileSync(new URL(name, SCRIPTS), "utf-8")), [], name);
  }
  assert.ok(names.length > 5);
});

test("A string that isn't looked up would show.", () => {
  const script =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a script
    'f("Not made."); t("Made"); g(`${n} left`, t(`is here`), "a.b"); h = tn("one file", "its files", n, x("Stop"));';
  assert.deepEqual(bare(script), ["Not made.", " left", "Stop"]);
});

test("English is said as it stands, with its values, numbers grouped.", () => {
  assert.equal(t("Renamed to “{name}”.", { name: "{n} & <b>" }), "Renamed to “{n} & <b>”.");
  assert.equal(t("{n} of {all} shown.", { n: 3, all: 12345 }), "3 of 12,345 shown.");
  assert.deepEqual(
    [0, 1, 2, 1234].map((n) => tn("{n} file of {name}", "{n} files of {name}", n, { name: "a" })),
    ["0 files of a", "1 file of a", "2 files of a", "1,234 files of a"],
  );
  assert.equal(answered("There is no room left."), "There is no room left.");
});

test("What was learned is said instead, and what wasn't, in English.", () => {
  const files = { one: "{n} Datei", other: "{n} Dateien" };
  learn(
    { Undo: "Rückgängig", "{n} file": files, "Not moved: {why}": "Nicht verschoben: {why}" },
    {
      "Nothing here.": "Hier ist nichts.",
      "There are only {size} bytes.": "Es sind nur {size} Bytes.",
      "{name} must be {one} or {other}.": "{name} muss {one} oder {other} sein.",
    },
  );
  assert.equal(t("Undo"), "Rückgängig");
  assert.equal(t("Not moved: {why}", { why: "$&" }), "Nicht verschoben: $&");
  assert.deepEqual([tn("{n} file", "{n} files", 1), tn("{n} file", "{n} files", 2)], ["1 Datei", "2 Dateien"]);
  assert.equal(t("Redo"), "Redo");
});

test("What the server says in English is said in what was learned, values and all.", () => {
  assert.equal(answered("Nothing here."), "Hier ist nichts.");
  assert.equal(answered("There are only 17 bytes."), "Es sind nur 17 Bytes.");
  assert.equal(answered("conflict must be rename or refuse."), "conflict muss rename oder refuse sein.");
  assert.equal(answered("Nothing here, or there."), "Nothing here, or there.");
});
