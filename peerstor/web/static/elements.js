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

/** Copy the one element of a `<template>`. @param {string} id */
export const copyOf = (id) =>
  document.importNode(find(find(document, `#${id}`, HTMLTemplateElement).content, "*"), true);

/**
 * Find what an event has happened in, or on.
 *
 * @template {string} Selector
 * @param {EventTarget | null} target of the event
 * @param {Selector} selector
 * @returns {(Selector extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[Selector] : HTMLElement) | null}
 */
export const closest = (target, selector) =>
  target instanceof Element ? /** @type {any} */ (target.closest(selector)) : null;

/** Whether a click or a key is still to do what it does by itself. @param {MouseEvent | KeyboardEvent} event */
export const isPlain = (event) =>
  !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.defaultPrevented);

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
