export default {
    data() {
        return {
            dashboardData: [],
            loading: false
        };
    },
    
    async mounted() {
        this.loading = true;
        let cursor = null;
        
        do {
            const url = cursor ? 
                `/api/dashboard/?cursor=${cursor}` : 
                '/api/dashboard/';
            
            const response = await this.$http.get(url);
            this.dashboardData.push(...response.data.results);
            cursor = response.data.cursor;
        } while (cursor);
        
        this.loading = false;
    }
};
