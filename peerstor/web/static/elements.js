/**
 * Find an element that the page is known to have.
 *
 * @template {Element} Kind
 * @param {ParentNode} parent
 * @param {string} selector
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function find(parent, selector, kind) {
  const found = parent.querySelector(selector);
  if (!(found instanceof kind)) {
    throw new Error(`The page has no ${selector}.`);
  }
  return found;
}

/**
 * Copy the one element of a `<template>`.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function copyOf(id) {
  const copy = find(document, `#${id}`, HTMLTemplateElement).content.firstElementChild?.cloneNode(true);
  if (!(copy instanceof HTMLElement)) {
    throw new Error(`The template #${id} is empty.`);
  }
  return copy;
}

/**
 * Have assistive technology say a sentence.
 *
 * @param {string} sentence
 */
export function announce(sentence) {
  find(document, "#milestones", HTMLElement).textContent = sentence;
}
