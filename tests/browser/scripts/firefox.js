import { once } from "node:events";
import { createInterface } from "node:readline";
import { launch } from "puppeteer-core";

/**
 * Do in a Firefox what is asked for, line by line, and answer each with a line: both are JSON. An order is the name of
 * one of the acts below and what that takes; an answer has what came of it as `value`, or what went wrong as `error`.
 */

const [, , executablePath = "firefox"] = process.argv;
const browser = await launch({ browser: "firefox", executablePath, headless: true });
const page = await browser.newPage();
const complaints = /** @type {string[]} */ ([]);
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("console", (message) => {
  if (["error", "warn"].includes(message.type())) {
    complaints.push(message.text());
  }
});

/** @type {Record<string, (given: string, more: string) => Promise<unknown>>} */
const acts = {
  go: async (address) => void (await page.goto(address)),
  evaluate: (expression) => page.evaluate(expression),
  click: (selector) => page.locator(selector).click(),
  write: (text) => page.keyboard.type(text),
  press: (key) => page.keyboard.press(/** @type {import("puppeteer-core").KeyInput} */ (key)),
  choose: async (selector, path) => {
    const field = /** @type {import("puppeteer-core").ElementHandle<HTMLInputElement>} */ (await page.$(selector));
    await field.uploadFile(path);
  },
  complaints: async () => complaints,
};

const lines = createInterface(process.stdin);
lines.on("line", async (line) => {
  const [act, given = "", more = ""] = JSON.parse(line);
  try {
    console.log(JSON.stringify({ value: (await acts[act]?.(given, more)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
});
await once(lines, "close");
await browser.close();
