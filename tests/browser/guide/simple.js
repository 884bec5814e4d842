async function loadDashboard() {
    const container = document.getElementById('dashboard');
    let cursor = null;
    
    do {
        const url = cursor ? `/api/dashboard/?cursor=${cursor}` : '/api/dashboard/';
        const response = await fetch(url);
        const data = await response.json();
        
        data.results.forEach(part => {
            const [partName, partData] = Object.entries(part)[0];
            const element = document.createElement('div');
            element.className = 'dashboard-part';
            element.innerHTML = `
                <h3>${partName}</h3>
                <pre>${JSON.stringify(partData, null, 2)}</pre>
            `;
            container.appendChild(element);
        });
        
        cursor = data.cursor;
    } while (cursor);
}
