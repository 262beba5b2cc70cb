import { BASE } from "./base.js";

/**
 * What was dropped here and can be read again after a reload. They come with drops alone: the picker that gives them has
 * no place for phones' cameras, and is absent on plain HTTP, as they are.
 *
 * @typedef {FileSystemHandle & Record<"queryPermission" | "requestPermission", () => Promise<PermissionState>>} Handle
 */

/** Keep one past this visit. @param {string} folder where it goes @param {FileSystemHandle} handle */
export const keep = (folder, handle) => ask((store) => store.put(handle, [folder, handle.name]));

/** Give those of a folder. @param {string} folder @returns {Promise<Handle[]>} */
export const kept = async (folder) =>
  (await ask((store) => store.getAll(IDBKeyRange.bound([folder], [folder, []])))) ?? [];

/** Forget one. @param {string} folder @param {string} name */
export const drop = (folder, name) => ask((store) => store.delete([folder, name]));

/** Do something with the store; nothing where the browser has none. @param {(store: IDBObjectStore) => IDBRequest} deed */
async function ask(deed) {
  try {
    const opening = indexedDB.open(`peerstor:${BASE}`);
    opening.onupgradeneeded = () => opening.result.createObjectStore("handles");
    const database = await result(opening);
    const given = await result(deed(database.transaction("handles", "readwrite").objectStore("handles")));
    database.close();
    return given;
  } catch {
    return undefined;
  }
}

/** @template Given @param {IDBRequest<Given>} request @returns {Promise<Given>} */
const result = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = reject;
  });
