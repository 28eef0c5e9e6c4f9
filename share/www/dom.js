// Elements from text, and nothing else: no markup is ever parsed here.
//
// A screen is drawn by making it anew and letting morph() carry over what is
// different, so that focus, selection, scrolling and open details stay where
// they are. Children with data-key are the same across drawings; what has
// data-own is filled by its screen and left alone while that word is the same.

const SVG = new Set(['svg', 'rect', 'path', 'polyline', 'title'])

// h('a', { href: 'jobs' }, 'text', element, [more]): attributes that are
// false, null or undefined are left out, true ones are empty.
export function h(tag, attributes, ...children) {
	const element = SVG.has(tag)
		? document.createElementNS('http://www.w3.org/2000/svg', tag)
		: document.createElement(tag)
	for (const [name, value] of Object.entries(attributes ?? {}))
		if (value !== false && value !== null && value !== undefined)
			element.setAttribute(name, value === true ? '' : value)
	for (const child of children.flat(2))
		if (child !== null && child !== undefined && child !== false)
			element.append(child)
	return element
}

function morphAttributes(old, fresh) {
	for (const { name } of [...old.attributes])
		if (!fresh.hasAttribute(name) &&
		    !(name === 'open' && old.nodeName === 'DETAILS'))
			old.removeAttribute(name)
	for (const { name, value } of fresh.attributes)
		if (old.getAttribute(name) !== value &&
		    !(name === 'open' && old.nodeName === 'DETAILS'))
			old.setAttribute(name, value)
}

function keyOf(node) {
	return node.nodeType === Node.ELEMENT_NODE ? node.dataset?.key : undefined
}

export function morph(old, fresh) {
	if (old.nodeType === Node.TEXT_NODE) {
		if (old.data !== fresh.data)
			old.data = fresh.data
		return
	}
	if (old.dataset?.own !== undefined &&
	    old.dataset.own === fresh.dataset.own)
		return
	morphAttributes(old, fresh)
	morphChildren(old, fresh)
}

export function morphChildren(old, fresh) {
	const keyed = new Map()
	for (const child of old.childNodes)
		if (keyOf(child) !== undefined)
			keyed.set(keyOf(child), child)
	let at = old.firstChild
	for (const child of [...fresh.childNodes]) {
		const key = keyOf(child)
		let same = key !== undefined ? keyed.get(key) : at
		if (same && (same.nodeName !== child.nodeName ||
		    keyOf(same) !== key ||
		    same.dataset?.own !== child.dataset?.own))
			same = undefined
		if (!same) {
			old.insertBefore(child, at)
			continue
		}
		if (same !== at)
			old.insertBefore(same, at)
		else
			at = at.nextSibling
		morph(same, child)
	}
	while (at) {
		const next = at.nextSibling
		at.remove()
		at = next
	}
}

// Puts a screen's elements into an element.
export function draw(place, ...children) {
	morphChildren(place, h('div', null, ...children))
}

// A message that goes by itself, and is read out.
export function say(text, bad = false) {
	let place = document.getElementById('said')
	if (!place) {
		place = h('div', { id: 'said', role: 'status' })
		document.body.append(place)
	}
	const message = h('p', { class: bad ? 'bad' : 'good' }, text)
	place.append(message)
	while (place.childElementCount > 5)
		place.firstElementChild.remove()
	setTimeout(() => message.remove(), bad ? 15000 : 6000)
}

function dialogOf(content) {
	const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' }, content)
	document.body.append(dialog)
	dialog.addEventListener('close', () => dialog.remove())
	dialog.showModal()
	return dialog
}

// Asks before something is done; the answer is true or false.
export function confirm(title, text, yes) {
	const dialog = dialogOf(h('form', { method: 'dialog' },
		h('h2', { id: 'dialog-title' }, title),
		h('p', null, text),
		h('div', { class: 'buttons' },
			h('button', { value: 'no', autofocus: true }, 'No, go back'),
			h('button', { value: 'yes', class: 'strong' }, yes))))
	return new Promise(resolve => dialog.addEventListener('close',
		() => resolve(dialog.returnValue === 'yes')))
}

// Asks for a secret; null when none was given.
export function askSecret(title, text) {
	const input = h('input', { type: 'password', name: 'token',
		autocomplete: 'off', required: true, autofocus: true })
	const dialog = dialogOf(h('form', { method: 'dialog' },
		h('h2', { id: 'dialog-title' }, title),
		h('p', null, text),
		h('label', null, 'Token ', input),
		h('div', { class: 'buttons' },
			h('button', { value: 'no', formnovalidate: true }, 'Not now'),
			h('button', { value: 'yes', class: 'strong' }, 'Go on'))))
	// Enter in the field means to go on, not the first button.
	input.addEventListener('keydown', event => {
		if (event.key !== 'Enter')
			return
		event.preventDefault()
		if (input.value !== '')
			dialog.close('yes')
	})
	return new Promise(resolve => dialog.addEventListener('close', () =>
		resolve(dialog.returnValue === 'yes' ? input.value : null)))
}

export function show(title, ...content) {
	dialogOf(h('form', { method: 'dialog' },
		h('h2', { id: 'dialog-title' }, title), content,
		h('div', { class: 'buttons' },
			h('button', { autofocus: true }, 'Close'))))
}

// The clipboard is there only for secure places; a selection is everywhere.
export async function copy(text) {
	try {
		await navigator.clipboard.writeText(text)
	} catch {
		const area = h('textarea', { class: 'away', readonly: true })
		area.value = text
		document.body.append(area)
		area.select()
		const done = document.execCommand('copy')
		area.remove()
		if (!done) {
			say('The browser does not let this page copy: select ' +
				'the text and copy it yourself.', true)
			return
		}
	}
	say('Copied.')
}
