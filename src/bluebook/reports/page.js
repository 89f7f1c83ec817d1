// The page is whole without this script; it only adds the filter over exam answers.
document.documentElement.classList.add("js");
for (const filter of document.querySelectorAll("form.filter")) {
  const items = [...filter.parentElement.querySelectorAll(".item")];
  const [construct, outcome] = filter.querySelectorAll("select");
  const count = filter.querySelector("output");
  const apply = () => {
    let shown = 0;
    for (const item of items) {
      const fits =
        (!construct.value || item.dataset.constructs.split("\n").includes(construct.value)) &&
        (!outcome.value || item.dataset.errors.split("\n").includes(outcome.value));
      item.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${items.length}`;
  };
  filter.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("input", apply);
  for (const link of document.querySelectorAll(`a[data-filter="${filter.id}"]`)) {
    link.addEventListener("click", () => {
      construct.value = link.dataset.construct;
      outcome.value = "";
      apply();
    });
  }
  apply();
}
