// Runs before anything is drawn, so that the page is not light first and dark
// then. The choice is kept by the browser; without one its own setting holds.
document.documentElement.classList.add('js')
try {
	const theme = localStorage.getItem('jobq-theme')
	if (theme === 'light' || theme === 'dark')
		document.documentElement.dataset.theme = theme
} catch {
	// A browser that keeps nothing has no choice to remember.
}
