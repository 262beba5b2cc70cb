import { NEVER } from "./backoff.js";
import { Calls, Refusal } from "./calls.js";
import { copyOf, find, setText } from "./elements.js";
import { fingerprintOf } from "./fingerprint.js";
import * as handles from "./handles.js";
import { behind } from "./sources.js";
import { t } from "./texts.js";
import { send } from "./transport.js";
import { percent, visible } from "./words.js";

/** @import { Memory, Remembered } from "./memory.js" */
/** @import { Source } from "./sources.js" */

/**
 * Go on with what an earlier visit left unfinished and the browser can read again; remind of the rest, as far as the
 * server still has it.
 *
 * @param {string} folder
 * @param {Memory} memory
 * @param {HTMLElement} list where the reminders stand
 * @param {(source: Source) => void} take uploads
 * @param {Set<string>} kept gets the names of what is kept until it is uploaded
 */
export async function goOn(folder, memory, list, take, kept) {
  let left = memory.in(folder).filter((known) => below(folder, known));
  for (const handle of await handles.kept(folder)) {
    const { kind, name } = handle;
    const own = left.filter((known) =>
      `${below(folder, known)}${kind === "file" ? "/" : ""}`.startsWith(`${name}/`),
    );
    left = left.filter((known) => !own.includes(known));
    const again = () => {
      kept.add(name);
      take(behind(handle));
    };
    if ((await handle.queryPermission()) === "granted") {
      again();
      continue;
    }
    const { row, button } = reminder(name, () => {
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
    list.append(row);
  }
  for (const known of left) {
    const offset = await arrived(known);
    if (offset > 0) {
      list.append(remind(known, offset));
    } else {
      memory.forget(known);
    }
  }

  /** @param {Remembered} known @param {number} offset */
  function remind(known, offset) {
    const { name, size, fingerprint } = known;
    const values = { name: visible(name) };
    const label = below(folder, known);
    const { row, button } = reminder(label, () => forget(known));
    const words = find(row, ".upload-words");
    const input = find(row, "input", HTMLInputElement);
    row.dataset.of = keyOf(known);
    words.append(" ", t("Choose the same file again to continue at {share} %.", { share: percent(offset, size) }));
    button.onclick = () => input.click();
    input.onchange = async () => {
      const [file] = input.files ?? [];
      if (file?.name === name && (await fingerprintOf(file)) === fingerprint) {
        take([{ file, path: label.slice(0, -name.length) }]);
      } else if (file) {
        setText(words, t("That is a different file, or it has changed since. Choose {name} as it was.", values));
      }
    };
    return row;
  }

  /** @param {Remembered} known */
  async function forget(known) {
    memory.forget(known);
    try {
      const calls = new Calls(known, send);
      await calls.offset(NEVER); // refused where another file of this name was begun since: that one stays
      await calls.abandon(NEVER);
    } catch {
      // it expires by itself
    }
  }
}

/**
 * Take away the reminder of a file that is on its way again.
 *
 * @param {HTMLElement} list
 * @param {import("./calls.js").Identity} identity
 */
export function isOnItsWay(list, identity) {
  list.querySelector(`[data-of="${CSS.escape(keyOf(identity))}"]`)?.remove();
}

/** @param {import("./calls.js").Identity} identity */
const keyOf = ({ folder, name, fingerprint }) => folder + name + fingerprint;

/**
 * Ask where an upload is; where nobody answers, trust what was remembered.
 *
 * @param {Remembered} known
 * @returns {Promise<number>} bytes; 0 where there is no such upload any more
 */
async function arrived(known) {
  try {
    return (await new Calls(known, send).offset(NEVER)).offset;
  } catch (error) {
    return error instanceof Refusal && error.code === "other_upload" ? 0 : known.sent;
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

/**
 * @param {string} name
 * @param {() => void} forget
 */
function reminder(name, forget) {
  const row = copyOf("reminder");
  find(row, ".upload-name").textContent = visible(name);
  find(row, '[data-order="forget"]').onclick = () => {
    row.remove();
    forget();
  };
  return { row, button: find(row, '[data-order="choose"]') };
}
