// Progressive loader utility
class ProgressiveLoader {
    constructor(apiUrl) {
        this.apiUrl = apiUrl;
        this.allData = [];
    }
    
    async loadAll(onProgress = null) {
        let cursor = null;
        
        do {
            const url = cursor ? `${this.apiUrl}?cursor=${cursor}` : this.apiUrl;
            const response = await fetch(url);
            const data = await response.json();
            
            this.allData.push(...data.results);
            
            if (onProgress) {
                onProgress({
                    results: data.results,
                    totalLoaded: this.allData.length,
                    hasMore: !!data.cursor
                });
            }
            
            cursor = data.cursor;
        } while (cursor);
        
        return this.allData;
    }
}

// React component
function Dashboard() {
    const [data, setData] = useState([]);
    const [loading, setLoading] = useState(false);
    
    useEffect(() => {
        const loader = new ProgressiveLoader('/api/dashboard/');
        setLoading(true);
        
        loader.loadAll((progress) => {
            setData(prev => [...prev, ...progress.results]);
        }).finally(() => {
            setLoading(false);
        });
    }, []);
    
    return (
        <div>
            {data.map((item, index) => (
                <DashboardSection key={index} data={item} />
            ))}
            {loading && <LoadingSpinner />}
        </div>
    );
}
