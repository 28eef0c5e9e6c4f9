// Lists of jobs by state, queue and name, and the dead letters.
//
// While it is live a list does not jump: the rows that are there stay where
// they are, and show what became of their jobs, also when these no longer
// belong there; new rows come only at the end, where there was room.

import { Failure, ask } from './api.js'
import { cancel, retry, retryAll } from './act.js'
import { STATES, listed, totals } from './overview.js'
import { draw, h } from './dom.js'
import { clock, count, duration, instant, now, shortId, visible }
	from './words.js'

const ROWS = 50

// Pages without a row that are passed over by themselves.
const EMPTY_PAGES = 20

export const TABS = ['', 'blocked', 'pending', 'running', 'completed', 'failed',
	'cancelled']

const ID = /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$/
const NAME = /^[^\x00-\x1f\x7f]{1,255}$/
const CURSOR = /^(-?\d{1,20}|"[^"\\\x00-\x1f]{0,190}")$/

// Reads the filter from an address; a value that no job can have fails.
export function filterOf(params) {
	const rules = { state: text => TABS.includes(text),
		queue: text => NAME.test(text), name: text => NAME.test(text),
		id: text => ID.test(text), after: text => CURSOR.test(text) }
	const filter = {}
	for (const [name, good] of Object.entries(rules)) {
		const value = params.get(name) ?? ''
		if (value === '')
			continue
		if (!good(value))
			throw new Failure('no job can have what stands behind ' +
				`'${name}=' in the address`, 400)
		filter[name] = value
	}
	return filter
}

export function linkOf(filter) {
	const params = new URLSearchParams()
	for (const name of ['state', 'queue', 'name', 'after'])
		if (filter[name])
			params.set(name, filter[name])
	const text = params.toString()
	return text === '' ? 'jobs' : `jobs?${text}`
}

// What matters most besides the state, in some words.
function noteOf(job) {
	const state = job.words('state')
	const ended = job.inner('ended')
	const why = [ended.words('reason'), ended.words('error')]
		.filter(text => text !== '').join(': ')
	const due = instant(job.words('run_at'))
	if (state === 'running')
		return `on ${job.inner('held').words('worker')}`
	if (state === 'pending' && due > now())
		return `due in ${duration(due - now() + 999)}` +
			(why === '' ? '' : `, ${why}`)
	return why
}

function when(ms) {
	return Number.isNaN(ms) ? h('td', { 'data-label': 'age', class: 'num' })
		: h('td', { 'data-label': 'age', class: 'num', title: clock(ms) },
			duration(now() - ms))
}

export class Jobs {
	rows = new Map() // id -> { job, left }
	chosen = new Set()
	stats = []
	after = undefined
	loaded = false

	constructor(place, params, page) {
		this.place = place
		this.page = page
		this.filter = filterOf(params)
		this.dead = this.filter.state === 'failed'
		this.title = this.dead ? 'Dead letters' : 'Jobs'
	}

	request() {
		const { state, queue, name } = this.filter
		const walks = state === 'failed' || state === 'running'
		return { by: walks ? state : 'all', state, name,
			queues: queue === undefined ? undefined : [queue] }
	}

	async load() {
		let after = this.filter.after
		for (let i = 0; i < EMPTY_PAGES; i++) {
			const page = await ask('list',
				{ ...this.request(), limit: ROWS }, after)
			after = page.more ? page.after : undefined
			if (page.lines.length > 0 || after === undefined)
				return { lines: page.lines, after }
		}
		return { lines: [], after }
	}

	// The rows do not wait for the counts, which take longer the more jobs
	// there are.
	async refresh() {
		const stats = this.page.verbs.has('stats') ? ask('stats', {})
			: Promise.resolve({ lines: [] })
		stats.catch(() => {})
		await this.take(await this.load())
		this.draw()
		this.stats = (await stats).lines
		this.draw()
	}

	async take({ lines, after }) {
		const fresh = new Map(lines.map(job => [job.words('id'), job]))
		const gone = [...this.rows.keys()].filter(id => !fresh.has(id))
		if (gone.length > 0)
			await this.takeGone(gone)
		const room = !this.loaded || this.after === undefined
		for (const [id, job] of fresh)
			if (room || this.rows.has(id))
				this.rows.set(id, { job, left: false })
		if (room)
			this.after = after
		this.loaded = true
	}

	// What became of the jobs that the list no longer has.
	async takeGone(ids) {
		const { lines } = await ask('list', { by: 'ids', ids,
			limit: ids.length })
		const found = new Map(lines.map(job => [job.words('id'), job]))
		for (const id of ids)
			this.rows.set(id, { job: found.get(id) ?? this.rows.get(id).job,
				left: found.has(id) ? 'moved' : 'deleted' })
	}

	countOf(state) {
		const queues = this.stats.filter(line => this.filter.queue ===
			undefined || line.words('queue') === this.filter.queue)
		const total = totals(queues)
		return STATES.filter(one => state === '' || listed(one) === state)
			.reduce((sum, one) => sum + total[one], 0)
	}

	tab(state) {
		const { queue, name } = this.filter
		const here = state === (this.filter.state ?? '')
		return h('a', { href: linkOf({ state, queue, name }),
			'aria-current': here && 'page' }, state === '' ? 'all' : state,
		this.stats.length > 0 &&
			[' ', h('b', null, String(this.countOf(state)))])
	}

	field(label, name, list) {
		return h('label', null, `${label} `, h('input', { name, list,
			value: this.filter[name] ?? '', autocomplete: 'off',
			maxlength: 255, spellcheck: 'false' }))
	}

	form() {
		const { state } = this.filter
		return h('form', { class: 'filter', action: 'jobs', method: 'get',
			role: 'search' },
		state && h('input', { type: 'hidden', name: 'state', value: state }),
		this.field('queue', 'queue', 'queue-names'),
		this.field('name', 'name'), this.field('id', 'id'),
		h('button', null, 'Filter'),
		(this.filter.queue || this.filter.name) &&
			h('a', { href: linkOf({ state }) }, 'Clear'),
		h('datalist', { id: 'queue-names' }, this.stats.map(line =>
			h('option', { value: line.words('queue') }))))
	}

	row(id, { job, left }) {
		const state = left === 'deleted' ? left : job.words('state')
		const ended = instant(job.inner('ended').words('at'))
		const note = visible(noteOf(job))
		return h('tr', { 'data-key': id, class: left && 'left' },
			this.chooses && h('td', { class: 'choose' }, h('input', {
				type: 'checkbox', 'data-choose': id,
				'aria-label': `Choose job ${id}` })),
			h('th', { scope: 'row' }, h('a', { href: `jobs?id=` +
				encodeURIComponent(id), title: id, 'data-row': true },
			shortId(id))),
			h('td', { 'data-label': 'state', class: 'state' },
				h('span', { class: `chip ${state}` }, state)),
			h('td', { 'data-label': 'queue', class: 'queue' },
				h('bdi', null, visible(job.words('queue')))),
			h('td', { 'data-label': 'name', class: 'name' },
				h('bdi', null, visible(job.words('name')))),
			h('td', { 'data-label': 'try', class: 'num' },
				`${job.words('attempt')}/${job.words('max_attempts')}`),
			when(this.dead ? ended : instant(job.words('pushed_at'))),
			h('td', { 'data-label': 'note', class: 'note', title: note },
				h('bdi', null, note)),
			this.dead && this.page.can('retry') && h('td', { class: 'do' },
				h('button', { 'data-do': 'retry', 'data-id': id,
					'aria-label': `Retry job ${id}`,
					disabled: left !== false }, 'Retry')))
	}

	// Whether a verb can do anything to the jobs of this list.
	can(verb) {
		const { state } = this.filter
		const over = ['completed', 'failed', 'cancelled'].includes(state)
		const not = verb === 'cancel' ? over
			: ['blocked', 'running', 'completed'].includes(state)
		return this.page.can(verb) && !not
	}

	get chooses() {
		return this.can('cancel') || this.can('retry')
	}

	table() {
		const head = (name, num) => h('th', { scope: 'col',
			class: num && 'num' }, name)
		return h('table', { class: `cards jobs${this.dead ? ' dead' : ''}` },
			h('thead', null, h('tr', null,
				this.chooses && h('th', { class: 'choose' }, h('input', {
					type: 'checkbox', 'data-choose': '',
					'aria-label': 'Choose all of this page' })),
				head('id'), head('state'), head('queue'), head('name'),
				head('try', true), head(this.dead ? 'failed' : 'age', true),
				head(this.dead ? 'last error' : 'note'),
				this.dead && this.page.can('retry') && h('th'))),
			h('tbody', null, [...this.rows].map(([id, row]) =>
				this.row(id, row))))
	}

	bulk() {
		const chosen = count(this.chosen.size, 'job')
		return h('div', { class: 'bulk', hidden: this.chosen.size === 0,
			'aria-live': 'polite' },
		h('span', null, `${chosen} chosen`),
		this.can('retry') && h('button', { 'data-do': 'retry-chosen',
			class: this.dead && 'strong' }, 'Retry jobs'),
		this.can('cancel') && h('button', { 'data-do': 'cancel-chosen',
			class: 'strong' }, 'Cancel jobs'),
		h('button', { 'data-do': 'choose-none' }, 'Choose none'))
	}

	pager() {
		const left = [...this.rows.values()].filter(row => row.left).length
		const back = history.state?.back
		return h('nav', { class: 'pages', 'aria-label': 'Pages' },
			this.filter.after && h('a', { href: linkOf({ ...this.filter,
				after: '' }) }, 'First page'),
			this.filter.after && back && h('a', { href: back, rel: 'prev',
				'data-do': 'back' }, 'Previous page'),
			this.after !== undefined && h('a', { rel: 'next',
				href: linkOf({ ...this.filter, after: this.after }) },
			'Next page'),
			left > 0 && h('button', { 'data-do': 'renew' },
				`${count(left, 'job')} moved on: show the list anew`))
	}

	draw() {
		const { queue, name } = this.filter
		const about = [queue && `queue ${visible(queue)}`,
			name && `name ${visible(name)}`].filter(Boolean).join(', ')
		draw(this.place,
			h('h1', null, this.title, h('small', null, about)),
			h('nav', { class: 'tabs', 'aria-label': 'States' },
				TABS.map(state => this.tab(state))),
			h('div', { class: 'above' }, this.form(),
				this.dead && this.page.can('retry') && this.rows.size > 0 &&
				h('button', { 'data-do': 'retry-all', class: 'all' },
					'Retry all…')),
			this.bulk(), this.rows.size > 0 && this.table(),
			this.rows.size === 0 && h('p', { class: 'empty' },
				this.filter.after ? 'No more jobs.'
					: this.dead ? 'No dead letters: nothing has failed for ' +
						'good.' : 'No jobs like this.'),
			this.pager())
		for (const box of this.place.querySelectorAll('[data-choose]'))
			box.checked = box.dataset.choose === ''
				? this.chosen.size > 0 && this.chosen.size === this.rows.size
				: this.chosen.has(box.dataset.choose)
	}

	choose(id, on) {
		for (const one of id === '' ? this.rows.keys() : [id])
			if (on)
				this.chosen.add(one)
			else
				this.chosen.delete(one)
		this.draw()
	}

	async do(what, button) {
		const done = { 'retry': () => retry([button.dataset.id]),
			'retry-chosen': () => retry([...this.chosen]),
			'cancel-chosen': () => cancel([...this.chosen]),
			'retry-all': () => retryAll(this.request(),
				this.filter.queue || this.filter.name
					? ' and matches the filter' : ''),
			'choose-none': () => true,
			'renew': () => {
				this.rows.clear()
				this.loaded = false
				return true
			} }[what]
		if (!done || !await done())
			return
		if (what !== 'retry' && what !== 'renew')
			this.chosen.clear()
		await this.refresh()
	}
}
