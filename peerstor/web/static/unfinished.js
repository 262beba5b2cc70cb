import { callsFor } from "./calls.js";
import { copyOf, find, setText } from "./elements.js";
import { fingerprintOf } from "./fingerprint.js";
import * as handles from "./handles.js";
import { keyOf } from "./memory.js";
import { walk } from "./sources.js";
import { t } from "./texts.js";
import { percent, visible } from "./words.js";

/** @import { Identity } from "./calls.js" */
/** @import { Lot } from "./conflicts.js" */
/** @import { Memory, Remembered } from "./memory.js" */
/** @import { Source } from "./sources.js" */

/** The reminders that are shown, each by the one file that it is of. @type {Map<string, HTMLElement>} */
const reminders = new Map();

/** Take away the reminder of a file that is on its way again. @param {Identity} identity */
export const isOnItsWay = (identity) => reminders.get(keyOf(identity))?.remove();

/**
 * Go on with what an earlier visit left unfinished and the browser can read again; remind of the rest, as far as the
 * server still has it. What another tab is still at is left to that one.
 *
 * @param {string} folder
 * @param {Memory} memory
 * @param {HTMLElement} list where the reminders stand
 * @param {(source: Source, lot?: Lot) => void} take uploads
 * @param {Set<string>} kept gets the names of what is kept until it is uploaded
 */
export async function goOn(folder, memory, list, take, kept) {
  const began = Date.now();
  /** Whether another tab, or by now this one, is at it. @param {Remembered} known */
  const goesOn = ({ touched }) => touched > began;
  const readable = await handles.kept(folder);
  // Whoever is at an upload notes twice a second how far it is. Nothing ends this wait: the rest follows from it.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  let left = memory.in(folder).flatMap((known) => {
    const label = below(folder, known);
    return label ? { ...known, label } : [];
  });
  for (const handle of readable) {
    const { kind, name } = handle;
    const own = left.filter(({ label }) => `${label}${kind === "file" ? "/" : ""}`.startsWith(`${name}/`));
    left = left.filter((known) => !own.includes(known));
    if (own.some(goesOn)) {
      continue;
    }
    const again = () => {
      kept.add(name);
      take(walk(handle), { again: true });
    };
    if ((await handle.queryPermission()) === "granted") {
      again();
      continue;
    }
    const { row, button } = remind(name, () => {
      handles.drop(folder, name);
      own.forEach(forget);
    });
    button.textContent = t("Continue");
    button.onclick = async () => {
      if ((await handle.requestPermission()) === "granted") {
        row.remove();
        again();
      }
    };
  }
  for (const known of left) {
    if (goesOn(known)) {
      continue;
    }
    const { offset } = await callsFor(known)
      .offset()
      // Where nobody answers, what was remembered is trusted.
      .catch(({ code }) => ({ offset: code === "other_upload" ? 0 : known.sent }));
    if (offset > 0) {
      askFor(known, offset);
    } else {
      memory.forget(known);
    }
  }

  /** @param {Remembered & { label: string }} known @param {number} offset bytes */
  function askFor(known, offset) {
    const { name, size, fingerprint, label } = known;
    const { row, button } = remind(label, () => forget(known));
    const words = find(row, ".upload-words");
    const input = find(row, "input", HTMLInputElement);
    reminders.set(keyOf(known), row);
    words.append(" ", t("Choose the same file again to continue at {share} %.", { share: percent(offset, size) }));
    button.onclick = () => input.click();
    input.onchange = async () => {
      const [file] = input.files ?? [];
      if (file?.name === name && (await fingerprintOf(file)) === fingerprint) {
        take([{ file, path: label.slice(0, -name.length) }]);
      } else if (file) {
        setText(
          words,
          t("That is a different file, or it has changed since. Choose {name} as it was.", {
            name: visible(name),
          }),
        );
      }
    };
  }

  /** Show a reminder. @param {string} name @param {() => void} forget what it is of */
  function remind(name, forget) {
    const row = copyOf("reminder");
    find(row, ".upload-name").textContent = visible(name);
    const drop = find(row, '[data-order="forget"]');
    drop.onclick = () => {
      if (confirm(drop.dataset.asks)) {
        row.remove();
        forget();
      }
    };
    list.append(row);
    return { row, button: find(row, '[data-order="choose"]') };
  }

  /** @param {Remembered} known */
  function forget(known) {
    const { offset, abandon } = callsFor(known);
    memory.forget(known);
    offset() // refused where another file of this name was begun since: that one stays
      .then(() => abandon())
      .catch(() => {}); // it expires by itself
  }
}

/** Tell where a file lies below a folder; empty where that is no text. @param {string} top @param {Remembered} known */
function below(top, { folder, name }) {
  try {
    return decodeURIComponent(folder.slice(top.length)) + name;
  } catch {
    return "";
  }
}
