// Searches the episodes' text, counts what fits and shows it page by page. Without it the style sheet filters alone, and all are shown.
(() => {
  const browser = document.querySelector(".browser");
  if (!browser) return;
  const PAGE = 12;
  const cards = [...browser.querySelectorAll(".card")].map((card) => ({ card, text: card.textContent.toLowerCase() }));
  const find = browser.querySelector("#find");
  const status = browser.querySelector("[role=status]");
  const more = browser.querySelector(".more");
  let room = PAGE;

  const chosen = (name) => browser.querySelector(`[name=${name}]:checked`)?.value ?? "all";

  const show = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const classes = [chosen("outcome"), chosen("stage")].filter((name) => name !== "all");
    let found = 0;
    for (const { card, text } of cards) {
      const fits = classes.every((name) => card.classList.contains(name)) && words.every((word) => text.includes(word));
      if (fits) found += 1;
      card.hidden = !fits || found > room;
    }
    more.hidden = found <= room;
    status.textContent = found === 0
      ? "No episode fits. Choose All, or clear the text."
      : `${Math.min(found, room)} of ${found} that fit are shown.`;
  };

  const restart = () => { room = PAGE; show(); };
  browser.addEventListener("change", restart);
  find.addEventListener("input", restart);
  more.firstElementChild.addEventListener("click", () => {
    const next = cards.filter(({ card }) => !card.hidden).at(-1).card;
    room += 2 * PAGE;
    show();
    const first = cards.slice(cards.findIndex(({ card }) => card === next) + 1).find(({ card }) => !card.hidden)?.card;
    first?.setAttribute("tabindex", "-1");
    first?.focus({ preventScroll: true });
  });
  find.parentElement.hidden = false;
  show();
})();
