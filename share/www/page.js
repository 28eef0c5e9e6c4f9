// The frame: which screen an address shows, live updates, keys, light and dark.

import { Failure, base, info } from './api.js'
import { Job } from './job.js'
import { Jobs } from './jobs.js'
import { Overview } from './overview.js'
import { Workers } from './workers.js'
import { draw, h, say, show } from './dom.js'
import { Line } from './json.js'
import { sentence, visible } from './words.js'

// Between two looks at the store: at least so long, and ten times as long as
// the last look took, so that a page left open is no load.
const LEAST_MS = 2000
const MOST_MS = 60000
const TIMES = 10

const main = document.getElementById('main')
const trouble = document.getElementById('trouble')

// What screens know of the page.
const page = {
	info: new Line('{}'),
	verbs: new Set(),
	writes: false,
	live: true,
	can: verb => page.writes && page.verbs.has(verb),
}

let screen = null
let timer = 0
let turn = 0 // of refresh(): only the latest goes on
let row = -1 // of the rows that j and k walk over

function screenOf(url) {
	const params = url.searchParams
	if (url.pathname === `${base.pathname}jobs`)
		return params.get('id') ? new Job(main, params, page)
			: new Jobs(main, params, page)
	const view = params.get('view') ?? ''
	if (view !== '' && view !== 'workers')
		throw new Failure(`there is no screen '${visible(view)}'`, 404)
	return view === 'workers' ? new Workers(main, params, page)
		: new Overview(main, params, page)
}

function isOurs(url) {
	return url.origin === base.origin && (url.pathname === base.pathname ||
		url.pathname === `${base.pathname}jobs`)
}

function markScreen(url) {
	for (const link of document.querySelectorAll('.screens a')) {
		const to = new URL(link.href)
		const dead = url.searchParams.get('state') === 'failed'
		const same = to.pathname === url.pathname &&
			(to.searchParams.get('view') ?? '') ===
			(url.searchParams.get('view') ?? '') &&
			(to.searchParams.get('state') === 'failed') === dead
		if (same)
			link.setAttribute('aria-current', 'page')
		else
			link.removeAttribute('aria-current')
	}
}

function tell(failure) {
	trouble.hidden = failure === null
	draw(trouble, failure === null ? []
		: h('p', null, `${sentence(failure.message)} Trying again.`))
}

// A failure is a page where there is nothing to show yet, and a line above
// what there is otherwise.
function showFailure(failure, first) {
	if (!first && failure.status !== 404) {
		tell(failure)
		return
	}
	if (failure.status === 404 || failure.status === 400)
		screen = null
	document.title = 'jobq'
	draw(main, h('h1', null, failure.status === 404 ? 'Not found'
		: 'This did not work'),
	h('p', { class: 'empty' }, sentence(failure.message)),
	h('p', null, h('a', { href: 'jobs' }, 'All jobs'), ' · ',
		h('a', { href: './' }, 'Overview')))
}

async function refresh(first = false) {
	const mine = ++turn
	const began = performance.now()
	const looked = screen
	clearTimeout(timer)
	try {
		if (page.verbs.size === 0)
			await learn()
		await looked?.refresh()
		tell(null)
	} catch (failure) {
		if (looked === screen)
			showFailure(failure, first)
	}
	if (mine !== turn)
		return
	document.title = screen ? `${screen.title} – jobq` : 'jobq'
	const spent = performance.now() - began
	timer = setTimeout(tick, Math.min(MOST_MS,
		Math.max(LEAST_MS, TIMES * spent)))
}

function tick() {
	if (page.live && !document.hidden && screen)
		refresh(main.querySelector('h1') === null)
}

async function learn() {
	const line = await info()
	const verbs = line.raw('verbs') ?? '[]'
	page.info = line
	page.writes = line.words('writes') !== 'false'
	page.verbs = new Set(JSON.parse(verbs))
	const foot = document.getElementById('foot')
	draw(foot, h('span', null, visible(`${line.words('name')} ` +
		line.words('version'))),
	h('span', null, visible(line.words('store'))),
	!page.writes && h('span', { class: 'chip' }, 'read only'),
	h('a', { href: 'docs' }, 'API'), h('a', { href: 'metrics' }, 'Metrics'))
}

// What is seen until the next screen is drawn does nothing any more; drawing
// gives its buttons their words back.
function disarm() {
	for (const name of ['data-do', 'data-choose'])
		for (const element of main.querySelectorAll(`[${name}]`))
			element.removeAttribute(name)
}

// Shows what the address says.
function go() {
	const url = new URL(location.href)
	screen?.stop?.()
	screen = null
	disarm()
	row = -1
	tell(null)
	markScreen(url)
	try {
		screen = screenOf(url)
	} catch (failure) {
		clearTimeout(timer)
		showFailure(failure, true)
		return
	}
	refresh(true)
}

function visit(href) {
	const url = new URL(href, base)
	history.pushState({ back: isOurs(new URL(location.href))
		? location.href : null }, '', url)
	window.scrollTo(0, 0)
	main.focus({ preventScroll: true })
	go()
}

// --- what is clicked ---------------------------------------------------------

async function press(button) {
	const what = button.dataset.do
	if (what === 'back') {
		history.back()
		return
	}
	try {
		await screen?.do?.(what, button)
	} catch (failure) {
		say(`This did not work: ${failure.message}.`, true)
	}
}

document.addEventListener('click', event => {
	const button = event.target.closest('[data-do]')
	if (button && main.contains(button)) {
		event.preventDefault()
		press(button)
		return
	}
	const link = event.target.closest('a[href]')
	if (!link || event.button !== 0 || event.ctrlKey || event.metaKey ||
	    event.shiftKey || event.altKey || !isOurs(new URL(link.href)) ||
	    link.getAttribute('href').startsWith('#'))
		return
	event.preventDefault()
	visit(link.href)
})

document.addEventListener('change', event => {
	const { choose } = event.target.dataset
	if (choose !== undefined)
		screen?.choose?.(choose, event.target.checked)
})

// The filter of a list: its fields become the address. An id is a job.
document.addEventListener('submit', event => {
	if (!event.target.classList.contains('filter'))
		return
	event.preventDefault()
	const params = new URLSearchParams()
	for (const [name, value] of new FormData(event.target))
		if (value.trim() !== '')
			params.set(name, name === 'id' ? value.trim() : value)
	const id = params.get('id')
	visit(id ? `jobs?id=${encodeURIComponent(id)}` : `jobs?${params}`)
})

addEventListener('popstate', go)
document.addEventListener('visibilitychange', tick)

// --- keys --------------------------------------------------------------------

const KEYS = [['j, k', 'the next row, the one before'],
	['Enter', 'open the row'], ['x', 'choose the row'],
	['/', 'to the filter'], ['n', 'the next page'],
	['c, r', 'cancel, retry what is chosen, or this job'],
	['g o, g j, g d, g w', 'overview, jobs, dead letters, workers'],
	['p', 'pause live updates, or go on'], ['t', 'light, dark, as the system'],
	['?', 'these keys']]

function walk(step) {
	const rows = [...main.querySelectorAll('[data-row]')]
	if (rows.length === 0)
		return
	const here = rows.indexOf(document.activeElement)
	row = Math.min(rows.length - 1, Math.max(0,
		(here >= 0 ? here : step > 0 ? row : row + 1) + step))
	rows[row].focus()
	rows[row].closest('tr')?.scrollIntoView({ block: 'nearest' })
}

function chooseRow() {
	const box = document.activeElement?.closest('tr')
		?.querySelector('[data-choose]')
	box?.click()
}

function pressFirst(...names) {
	for (const name of names) {
		const button = main.querySelector(`[data-do="${name}"]`)
		if (button && button.closest('[hidden]') === null &&
		    !button.closest('tr')) {
			press(button)
			return
		}
	}
}

function help() {
	show('Keys', h('dl', { class: 'keys' }, KEYS.map(([key, what]) =>
		[h('dt', null, key.split(', ').map((one, i) =>
			[i > 0 && ' ', h('kbd', null, one)])), h('dd', null, what)])))
}

const bound = {
	'j': () => walk(1),
	'k': () => walk(-1),
	'x': chooseRow,
	'/': () => main.querySelector('.filter input:not([type=hidden])')?.focus(),
	'n': () => main.querySelector('a[rel=next]')?.click(),
	'c': () => pressFirst('cancel-chosen', 'cancel'),
	'r': () => pressFirst('retry-chosen', 'retry'),
	'p': () => setLive(!page.live),
	't': () => turnTheme(),
	'?': help,
}
const screens = { o: './', j: 'jobs', d: 'jobs?state=failed',
	w: './?view=workers' }
let leader = -Infinity // when g was pressed

document.addEventListener('keydown', event => {
	const writes = event.target.closest('input:not([type=checkbox]), ' +
		'textarea, select')
	if (event.key === 'Escape' && writes)
		event.target.blur()
	if (event.ctrlKey || event.metaKey || event.altKey || writes ||
	    document.querySelector('dialog[open]'))
		return
	const led = performance.now() - leader < 1500
	leader = event.key === 'g' ? performance.now() : -Infinity
	const act = led && screens[event.key]
		? () => visit(screens[event.key]) : bound[event.key]
	if (!act)
		return
	event.preventDefault()
	act()
})

// --- the tools of the frame --------------------------------------------------

function theme() {
	return document.documentElement.dataset.theme ?? 'auto'
}

function turnTheme() {
	const next = { auto: 'light', light: 'dark', dark: 'auto' }[theme()]
	if (next === 'auto')
		delete document.documentElement.dataset.theme
	else
		document.documentElement.dataset.theme = next
	try {
		localStorage.setItem('jobq-theme', next)
	} catch {
		// Then it holds until the page is left.
	}
	drawTools()
}

function setLive(live) {
	page.live = live
	drawTools()
	if (live)
		refresh()
	else
		screen?.hold?.()
}

function drawTools() {
	const shown = { auto: 'system', light: 'light', dark: 'dark' }[theme()]
	draw(document.getElementById('tools'),
		h('button', { id: 'live', class: page.live ? 'live' : 'held',
			'aria-pressed': String(page.live),
			title: 'Live updates (p)' }, page.live ? 'Live' : 'Held'),
		h('button', { id: 'theme', title: 'Light or dark (t)',
			'aria-label': `Colours: ${shown}` }, shown),
		h('button', { id: 'help', title: 'Keys (?)', 'aria-label': 'Keys' },
			'?'))
}

document.getElementById('tools').addEventListener('click', event => {
	const acts = { live: () => setLive(!page.live), theme: turnTheme, help }
	acts[event.target.closest('button')?.id]?.()
})

drawTools()
go()
