/**
 * Find an element that the page is known to have.
 *
 * @template {Element} [Kind=HTMLElement]
 * @param {ParentNode} parent
 * @param {string} selector
 * @param {new () => Kind} [kind]
 * @returns {Kind}
 */
export function find(parent, selector, kind = /** @type {any} */ (HTMLElement)) {
  const found = parent.querySelector(selector);
  if (!(found instanceof kind)) {
    throw new Error(`The page has no ${selector}.`);
  }
  return found;
}

/**
 * Make an element.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Partial<HTMLElementTagNameMap[Tag]>} [values]
 * @param {...(Node | string)} inside
 */
export function make(tag, values = {}, ...inside) {
  const made = document.createElement(tag);
  Object.assign(made, values);
  made.append(...inside);
  return made;
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

/** @param {string} sentence for assistive technology to say */
export function announce(sentence) {
  find(document, "#said").textContent = sentence;
}

/**
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}
